/** Mutants of the wasm kernels, compiled as the build does it. */
import { readdirSync, readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { expect, it } from 'vitest';
import { KERNEL_OPTIONS } from '../../scripts/build/kernels.mjs';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { campaign, caughtBy } from './campaign.ts';
import { type Mutant, mutate } from './mutant.ts';
import { byFile, mutantsIn } from './mutants.ts';

const FOLDER = new URL('../../wasm/', import.meta.url);
const SOURCES = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
);

/** Files that hold no kernel: the entry, the allocator (test/kernels/memory.test.ts), what the benchmark measures. */
const NOT_KERNELS: readonly string[] = ['index.ts', 'memory.ts', 'peak.ts'];

/** A file and all that it imports; none where there is no such file. */
function withImports(file: string, found = new Set<string>()): Set<string> {
  const text = SOURCES.get(file);
  if (text === undefined || found.has(file)) return found;
  found.add(file);
  for (const [, name] of text.matchAll(/^import [^;]* from '\.\/(.+)';$/gm)) withImports(`${name}.ts`, found);
  return found;
}

const KERNELS_OF = byFile((kernel) => withImports(`${kernel}.ts`));

/** kernels.wasm with other texts for some of the sources. */
async function compile(changed: ReadonlyMap<string, string>): Promise<Uint8Array<ArrayBuffer>> {
  const texts = new Map([...SOURCES, ...changed]);
  let binary: Uint8Array | null = null;
  const { error, stderr } = await asc.main(['index.ts', '--outFile', 'kernels.wasm', ...KERNEL_OPTIONS], {
    readFile: (name) => texts.get(name) ?? null,
    writeFile: (_, contents) => {
      if (typeof contents !== 'string') binary = contents;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`the kernels do not compile:\n${stderr.toString()}`);
  return new Uint8Array(binary);
}

async function attempt(mutant: Mutant): Promise<string | null> {
  const { file } = mutant;
  const text = SOURCES.get(file);
  if (text === undefined) throw new Error(`there is no wasm/${file}`);
  const kernels = await createWasmKernels({ module: await compile(new Map([[file, mutate(text, mutant)]])) });
  const { by } = await caughtBy(kernels, KERNELS_OF.get(file) ?? []);
  kernels.dispose();
  return by;
}

it('the kernels as they are pass', async () => {
  const kernels = await createWasmKernels({ module: await compile(new Map()) });
  const names = [...KERNELS_OF.values()].flat();
  expect(await caughtBy(kernels, names)).toEqual({ by: null, over: false });
  kernels.dispose();
});

campaign(
  'wasm',
  [...SOURCES.keys()].filter((name) => !NOT_KERNELS.includes(name)),
  await mutantsIn('WASM'),
  attempt,
);
