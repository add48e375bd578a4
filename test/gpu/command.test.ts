/** The built command on WebGPU: one tiny run, and what is done with it on either backend. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { CIFAR, CIFAR_TEST, CIFAR_TRAIN, readLog } from '../cli/end-to-end/tiny-run.ts';
import { mocoWeb } from '../cli/run-command.ts';
import { expectClose } from '../compare.ts';
import { onWebGpu } from '../kernels/backends.ts';

const SHAPE = ['--arch', 'resnet18', '--width', '1', '--image-size', '8', '--dim', '4', '--batch-size', '16'];
const NETWORK = [...SHAPE, '--groups', '2', '--queue', '32'];
const GPU = ['--backend', 'webgpu'];
/** Each command compiles its shaders anew: half a minute on a quiet machine. */
const TIMEOUT = 400_000;
const WASM = ['--backend', 'wasm'];

/** Runs the command to its end, and gives what it says; drivers may put words of their own on stderr. */
async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await mocoWeb(args);
  if (code !== 0) throw new Error(`exit code ${code} of ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

onWebGpu((_, { name }) => {
  it(
    'pretrain, knn, embed and bench; the run goes on on wasm',
    async () => {
      const folder = await temporaryFolder();
      const [run, log] = [`${folder}/run`, `${folder}/log.jsonl`];
      // One compiles shaders while the other draws images.
      const [pretrain, bench] = await Promise.all([
        succeed(
          'pretrain',
          '--data',
          CIFAR,
          ...GPU,
          ...NETWORK,
          '--steps',
          '2',
          '--knn-every',
          '1',
          '--out',
          run,
          '--log',
          log,
        ),
        succeed('bench', ...GPU, ...NETWORK, '--repeat', '1', '--json'),
      ]);
      expect(pretrain).toContain(`backend webgpu: asked for; ${name}`);
      expect(JSON.parse(bench)).toMatchObject({ backend: 'webgpu', adapter: name, groupsAtOnce: 2 });
      expect(pretrain).toMatch(/2 groups at once, tiles (usual|measured)\)/);
      const state = JSON.parse(await readFile(`${run}/step-000002/state.json`, 'utf8'));
      expect(state).toMatchObject({ backend: 'webgpu', groupsAtOnce: 2, tiles: expect.any(Object) });
      expect(JSON.parse(bench).imagesPerSecond).toBeGreaterThan(0);

      const lines = readLog(log);
      expect(lines[0]).toMatchObject({ type: 'run', backend: 'webgpu', adapter: name });
      const types = lines.map(({ type }) => type);
      expect(types).toEqual(['run', 'knn', 'knn', 'step', 'step', 'knn', 'knn']);
      const last = lines.findLast((line) => line.type === 'knn' && line.features === 'backbone');

      const knn = async (backend: string[]) =>
        JSON.parse(await succeed('knn', '--checkpoint', run, '--data', CIFAR, ...backend, '--json'));
      const rows = async (backend: string[], file: string) => {
        await succeed(
          'embed',
          '--checkpoint',
          run,
          '--data',
          CIFAR,
          ...backend,
          '--out',
          `${folder}/${file}`,
        );
        return readSafetensors(await readFile(`${folder}/${file}`)).get('embeddings')!;
      };
      const [onGpu, embedded] = await Promise.all([knn(GPU), rows(GPU, 'gpu.safetensors')]);
      expect(onGpu).toMatchObject({ bank: CIFAR_TRAIN, queries: CIFAR_TEST, step: 2 });
      expect(onGpu.top1).toBe(last?.type === 'knn' ? last.top1 : null);

      const [onWasm, expected] = [await knn(WASM), await rows(WASM, 'wasm.safetensors')];
      // A neighbor may change where two are as near as rounding tells: two images at most.
      expect(Math.abs(onWasm.top1 - onGpu.top1)).toBeLessThanOrEqual((2 * 100) / CIFAR_TEST);
      expect(embedded.shape).toEqual(expected.shape);
      // Eighteen layers of sums of at most 72 terms, each off by 2⁻²⁴ of what is added up.
      const values = expected.data as Float32Array;
      const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expectClose('embeddings', embedded.data as Float32Array, values, 18 * 72 * 2 ** -24 * largest);

      const resumed = await succeed('pretrain', '--resume', run, ...WASM, '--steps', '4', '--log', log);
      expect(resumed).toContain('backend wasm');
      expect(resumed).toMatch(/^done: 4 steps/m);
      const all = readLog(log).filter((line) => line.type === 'step');
      expect(all.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
      expect(readLog(log).findLast(({ type }) => type === 'run')).toMatchObject({
        backend: 'wasm',
        adapter: null,
      });
    },
    TIMEOUT,
  );
});
