/** A run of two steps on the six photos of test/data/images: an encoder as small as it gets. */
import { readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import { embedImages } from '../../src/evaluate/evaluate-checkpoint.ts';
import { factsOf } from '../../src/settings/resolve.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import { WORKERS_ON } from '../backend.ts';

export const PHOTOS = fileURLToPath(new URL('../data/images', import.meta.url));
export const FORMATS = fileURLToPath(new URL('../data/formats', import.meta.url));
/** In the order of the data set. */
export const FILES = ['airplane', 'cat'].flatMap((name) =>
  readdirSync(join(PHOTOS, name))
    .sort()
    .map((file) => join(PHOTOS, name, file)),
);

/** @returns the run directory, which is the caller's to remove */
export async function photosRun(): Promise<string> {
  const out = await mkdtemp(join(tmpdir(), 'moco-web-photos-'));
  const data = await describeDataset(PHOTOS);
  const shape = {
    width: 4,
    imageSize: 16,
    dim: 16,
    mlp: true,
    batchSize: 4,
    groups: 2,
    queueSize: 16,
    steps: 2,
  };
  const config = resolveConfig('moco-cifar', { arch: 'resnet18', ...shape }, factsOf(data));
  const backend = { backend: WORKERS_ON, adapter: null, reason: 'asked for' } as const;
  for await (const event of pretrain({ config, data, out, backend, workers: 1 })) {
    if (event.type === 'notice' && !event.about) throw new Error(event.message);
  }
  return out;
}

/** What embedImages gives of these photos. */
export async function rowsOfRun(run: string, features: 'backbone' | 'head'): Promise<Float32Array[]> {
  const [checkpoint, data] = [await loadCheckpoint(run), await describeDataset(PHOTOS)];
  const rows: Float32Array[] = [];
  const job = { checkpoint, data, features, backend: WORKERS_ON, workers: 1 } as const;
  for await (const { vector } of embedImages(job)) rows.push(vector);
  return rows;
}
