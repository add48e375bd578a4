/** Small programs over parts of the library that are not public: built from the sources, and run in each runtime. */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { openPageIn, type Runtime, runDeno } from './runtimes.ts';

const execute = promisify(execFile);
const SOURCES = fileURLToPath(new URL('./programs', import.meta.url));

export interface Program<Result> {
  run(runtime: Runtime): Promise<Result>;
  dispose(): Promise<void>;
}

/**
 * Builds programs/NAME.ts, which exports `main(): Promise<Result>`; Result is plain data.
 * @param scripts workers of programs/ that it starts
 * @param files what it reads from beside itself
 */
export async function buildProgram<Result>(
  name: string,
  { scripts = [], files = [] }: { scripts?: string[]; files?: string[] },
): Promise<Program<Result>> {
  const folder = await mkdtemp(join(tmpdir(), `moco-web-${name}-`));
  await build({
    entryPoints: [name, ...scripts].map((script) => join(SOURCES, `${script}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
  });
  for (const file of files) await copyFile(file, join(folder, file.split('/').at(-1)!));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>program</title>');
  const start = join(folder, 'start.mjs');
  await writeFile(
    start,
    `import { main } from './${name}.mjs';\nconsole.log(JSON.stringify(await main()));\n`,
  );
  return {
    async run(runtime) {
      if (runtime === 'node') return JSON.parse((await execute(process.execPath, [start])).stdout);
      if (runtime === 'deno') return JSON.parse(await runDeno(['run', '-A', start]));
      const { page, server } = await openPageIn(runtime, 'index.html', folder);
      try {
        // As text: vitest rewrites the imports of its own files.
        return (await page.evaluate(`import('/${name}.mjs').then(({ main }) => main())`)) as Result;
      } finally {
        await page.close();
        server.close();
      }
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}
