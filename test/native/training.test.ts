/** Whole runs on native code, of a network whose convolutions run on blocks of channels. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDrawn } from '../../src/data/dataset.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';

const NATIVE = { backend: 'native', adapter: null, reason: 'asked for' } as const;
const IMAGES = { images: 48 };
const SETTINGS = { width: 16, dim: 8, imageSize: 16, batchSize: 16, groups: 4, queueSize: 32, seed: 3 };
const config = resolveConfig('moco-cifar', { ...SETTINGS, steps: 6 }, IMAGES);
const data = await describeDrawn(IMAGES.images, 8, SETTINGS.imageSize, 0);

const folder = await mkdtemp(join(tmpdir(), 'moco-native-'));
afterAll(() => rm(folder, { recursive: true }));

async function lossesOf(options: Partial<PretrainOptions>): Promise<number[]> {
  const losses: number[] = [];
  for await (const event of pretrain({ config, data, backend: NATIVE, ...options })) {
    if (event.type === 'step') losses.push(event.loss);
  }
  return losses;
}

let whole: number[] | null = null;
it.each([1, 2, 3])('gives the same digits on %i workers', async (workers) => {
  const losses = await lossesOf({ workers });
  expect(losses).toHaveLength(6);
  whole ??= losses;
  expect(losses).toEqual(whole);
});

it('gives the same files where it was interrupted, and goes on with the recorded backend', async () => {
  const [once, twice] = [join(folder, 'once'), join(folder, 'twice')];
  await lossesOf({ out: once, workers: 2 });
  const short = resolveConfig('moco-cifar', { ...SETTINGS, steps: 2 }, IMAGES);
  await lossesOf({ config: short, out: twice, workers: 1 });
  const resume = await loadCheckpoint(twice);
  expect(resume.state.backend).toBe('native');
  // Without a backend, as the public API is called.
  const backends: string[] = [];
  for await (const event of pretrain({ config, data, resume, out: twice, workers: 2 })) {
    if (event.type === 'run') backends.push(event.backend);
  }
  expect(backends).toEqual(['native']);
  const model = (run: string) => readFile(join(run, 'step-000006', 'model.safetensors'));
  expect((await model(twice)).equals(await model(once))).toBe(true);
});
