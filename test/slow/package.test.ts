/** The package as npm would publish it, installed into an empty project. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing, runDeno } from '../runtimes/runtimes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TINY =
  '--arch resnet18 --width 4 --image-size 16 --dim 16 --batch-size 16 --groups 2 --queue 64 --backend wasm';
/**
 * A package larger than this has something in it that does not belong there. onnxruntime-web's two .wasm files are 11 MB of
 * it; its JavaScript is in the library and, as each worker script is one file, in two of these.
 */
const MOST_PACKED_BYTES = 12_500_000;
/** Of a file that is not onnxruntime-web's. */
const MOST_FILE_BYTES = 3_000_000;

const run = promisify(execFile);
let project = '';
let packed: { filename: string; size: number; unpackedSize: number; files: { path: string; size: number }[] };

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'moco-web-package-'));
  // dist/ was built before the tests; its own prepack would take it away from tests beside this one.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: ROOT,
  });
  packed = JSON.parse(stdout)[0];
  await writeFile(
    `${project}/package.json`,
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  );
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', ...quiet, `./${packed.filename}`], { cwd: project });
  console.log(`${packed.filename}: ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
});

afterAll(() => rm(project, { recursive: true, force: true }));

async function fails(code: Promise<unknown>): Promise<string> {
  const error = await code.then(
    () => null,
    (thrown: { stdout?: string }) => thrown,
  );
  if (!error) throw new Error('it succeeded');
  return String(error.stdout);
}

describe('the packed package', () => {
  it('holds what runs, its types and its documents, and nothing else', async () => {
    const paths = packed.files.map(({ path }) => path);
    for (const path of ['LICENSE', 'README.md', 'package.json', 'dist/kernels.wasm', 'dist/cli.js']) {
      expect(paths).toContain(path);
    }
    for (const path of [
      'index.js',
      'conformance.js',
      'kernels.js',
      'onnx.js',
      'index.d.ts',
      'encoder-worker.js',
      'data-worker.js',
      'kernel-worker.js',
      'job-worker.js',
      'mpi-worker.js',
      'types/index.d.ts',
    ]) {
      expect(paths).toContain(`dist/${path}`);
    }
    const known =
      /^(LICENSE|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|package\.json|(dist|docs|examples)\/)/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
    expect(packed.size).toBeLessThan(MOST_PACKED_BYTES);
    const large = packed.files.filter(({ size }) => size > MOST_FILE_BYTES).map(({ path }) => path);
    expect(large.sort()).toEqual([
      'dist/ort-wasm-simd-threaded.asyncify.wasm',
      'dist/ort-wasm-simd-threaded.wasm',
    ]);
  });

  it('needs nothing else at run time: only the command has packages of its own', async () => {
    const { dependencies, peerDependencies } = JSON.parse(
      await readFile(`${project}/node_modules/moco-web/package.json`, 'utf8'),
    );
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual([
      ...['cli-progress', 'commander', 'koffi', 'onnxruntime-node', 'webgpu'],
    ]);
    const installed = (await readdir(`${project}/node_modules`)).filter((name) => !name.startsWith('.'));
    // Those two, what cli-progress needs to measure text, and this package.
    expect(installed.length).toBeLessThanOrEqual(8);
    expect(installed).not.toContain('onnxruntime-web');
    const dist = `${project}/node_modules/moco-web/dist`;
    for (const script of ['encoder-worker.js', 'data-worker.js', 'kernel-worker.js', 'mpi-worker.js']) {
      const text = await readFile(`${dist}/${script}`, 'utf8');
      expect([script, text.match(/^(import|export\b.*from)\s*[{*"'].*/gm)]).toEqual([script, null]);
    }
    const notices = await readFile(`${dist}/THIRD-PARTY-NOTICES.txt`, 'utf8');
    for (const name of ['onnxruntime-web', 'comlink', '@jsquash/jpeg', '@bufbuild/protobuf', 'valibot']) {
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'));
    }
  });

  it('trains by npx moco-web', async () => {
    const args = `moco-web pretrain ${TINY} --steps 2 --out run --log log.jsonl`.split(' ');
    const { stdout } = await run('npx', ['--no-install', ...args], { cwd: project });
    expect(stdout).toMatch(/^done: 2 steps/m);
    const lines = (await readFile(`${project}/log.jsonl`, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['run', 'step', 'step']);
    expect((await stat(`${project}/run/step-000002/model.safetensors`)).size).toBeGreaterThan(1000);
  });

  it('checks its kernels in Node and Deno by moco-web/conformance, with the classes of moco-web and moco-web/kernels', async () => {
    await writeFile(
      `${project}/check.mjs`,
      `import { MocoError } from 'moco-web';
import { createWasmKernels } from 'moco-web/kernels';
import { formatCounts, runConformance } from 'moco-web/conformance';
const results = [];
const kernels = await createWasmKernels();
for await (const result of runConformance(kernels, { only: 'ema/length' })) results.push(result);
const error = await runConformance(kernels, { only: 'emma' }).next().catch((thrown) => thrown);
console.log(formatCounts(results), error instanceof MocoError);
`,
    );
    const { stdout } = await run(process.execPath, ['check.mjs'], { cwd: project });
    expect(stdout).toBe('17 ok, 0 FAIL, 0 skipped true\n');
    if ((await missing('deno')) === null) {
      expect(await runDeno(['run', '-A', 'check.mjs'], {}, project)).toBe(stdout);
    }
  });

  it('trains and embeds by its API in Node and Deno, and the process ends', async () => {
    await writeFile(
      `${project}/script.mjs`,
      `import { describeDrawn, embedImages, factsOf, loadCheckpoint, pretrain, resolveConfig } from 'moco-web';
const data = await describeDrawn(64, 16, 16, 0);
const options = { arch: 'resnet18', width: 4, dim: 16, batchSize: 16, groups: 2, queueSize: 64, steps: 2 };
const config = resolveConfig('moco-v2', options, factsOf(data));
const out = 'Deno' in globalThis ? 'api-of-deno' : 'api';
for await (const event of pretrain({ config, data, out })) if (event.type === 'step') console.log(event.loss);
for await (const { index, vector } of embedImages({ checkpoint: await loadCheckpoint(out), data, features: 'head' }))
  if (index === 79) console.log(vector.length);
`,
    );
    const { stdout, stderr } = await run(process.execPath, ['script.mjs'], { cwd: project });
    expect(stderr).toBe('');
    const [first, second, dim] = stdout.trimEnd().split('\n').map(Number);
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    expect(dim).toBe(16);
    const asked = await missing('deno');
    if (asked === null) expect(await runDeno(['run', '-A', 'script.mjs'], {}, project)).toBe(stdout);
    else if (process.env.MOCO_REQUIRE_RUNTIMES === '1') throw new Error(asked);
    else console.warn(`NOT RUN in Deno: ${asked}`);
  });

  it.each([
    ['bundler', 'esnext'],
    ['nodenext', 'nodenext'],
  ])('has types that a strict consumer compiles (%s)', async (resolution, module) => {
    const compile = async (name: string, line: string) => {
      await writeFile(
        `${project}/${name}.ts`,
        `import { describeDrawn, Encoder, factsOf, Index, MocoError, pretrain, resolveConfig } from 'moco-web';
import type { PretrainConfig, StepEvent } from 'moco-web';
import type { Kernels } from 'moco-web/kernels';
import { differentiateGraph, type Gradient, type Graph } from 'moco-web/onnx';
import { type ConformanceResult, runConformance } from 'moco-web/conformance';
const data = await describeDrawn(10, 10, 32, 0);
const config: PretrainConfig = resolveConfig('moco-cifar', { width: 16 }, factsOf(data));
export async function first(): Promise<StepEvent | null> {
  for await (const event of pretrain({ config, data })) if (event.type === 'step') return event;
  return null;
}
export const gradient = (graph: Graph): Gradient =>
  differentiateGraph(graph, { wrt: ['w'], outputs: ['y'], provider: 'wasm' });
export const check = (kernels: Kernels): AsyncGenerator<ConformanceResult> => runConformance(kernels, { only: 'ema' });
export async function alike(paths: string[]): Promise<(string | undefined)[]> {
  await using encoder = await Encoder.load('encoder.onnx', { workers: 1 });
  await using index = await Index.from(await encoder.embed(paths), { names: paths });
  return (await index.search(await encoder.embed(new Blob()), 5)).map(({ name }) => name);
}
export const isAborted = (error: unknown): boolean => error instanceof MocoError && error.code === 'aborted';
${line}
`,
      );
      const tsc = createRequire(import.meta.url)
        .resolve('typescript/package.json')
        .replace(/package\.json$/, 'bin/tsc');
      const options = `--noEmit --strict --target es2022 --lib es2023,dom --module ${module}`.split(' ');
      const args = [tsc, ...options, '--types', '', '--moduleResolution', resolution, `${name}.ts`];
      return run(process.execPath, args, { cwd: project });
    };
    await compile('right', '');
    expect(await fails(compile('wrong', 'export const width: string = config.width;'))).toMatch(/TS2322/);
    expect(await fails(compile('wrong', "resolveConfig('moco-v2', { widht: 1 });"))).toMatch(/TS2561/);
  });

  it('can be bundled for browsers with no settings, and the pure parts of it run there', async () => {
    await writeFile(
      `${project}/page.js`,
      `import { resolveConfig } from 'moco-web';
import { buildResNet, differentiateGraph, encodeModel, resnetSpec } from 'moco-web/onnx';
const { arch, width, stem, dim, mlp } = resolveConfig('moco-cifar', { width: 4 });
const { graph, parameters } = buildResNet(resnetSpec({ arch, width, stem, dim, mlp }), 'batch', 32);
const wrt = parameters.map(({ name }) => name);
const { backward, gradients } = differentiateGraph(graph, { wrt, outputs: ['embedding'], provider: 'wasm' });
export const bytes = encodeModel(backward);
export const count = gradients.size - parameters.length;
`,
    );
    await mkdir(`${project}/out`);
    const { metafile } = await build({
      entryPoints: [`${project}/page.js`],
      outfile: `${project}/out/page.js`,
      absWorkingDir: project,
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      metafile: true,
      logLevel: 'silent',
    });
    const external = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.filter((i) => i.external),
    );
    expect(external).toEqual([]);
    const page = (await import(`${project}/out/page.js`)) as { bytes: Uint8Array; count: number };
    expect(page.bytes.length).toBeGreaterThan(10_000);
    expect(page.count).toBe(0);
  });
});
