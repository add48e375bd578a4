import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { CIFAR, CIFAR_TEST, CIFAR_TRAIN, PRETRAIN, readLog, STEPS_PER_EPOCH, succeed } from './tiny-run.ts';

interface EmbeddingLine {
  index: number;
  path: string;
  label: number;
  embedding: number[];
}

describe('moco-web pretrain, and what is done with its checkpoints', () => {
  it('trains, logs, saves, measures and embeds', async () => {
    const folder = await temporaryFolder();
    const run = `${folder}/run`;
    const options = ['--steps', '6', '--knn-every', '1', '--checkpoint-every', '1'];
    const stdout = await succeed([...PRETRAIN, ...options, '--out', run, '--log', `${folder}/log.jsonl`]);

    await checkLog(`${folder}/log.jsonl`);
    expect(stdout).toMatch(/^backend wasm: asked for$/m);
    expect(stdout).toMatch(/^done: 6 steps/m);
    await checkRunDirectory(run);

    const knn = JSON.parse(await succeed(['knn', '--checkpoint', run, '--data', CIFAR, '--json']));
    const logged = readLog(`${folder}/log.jsonl`).findLast(
      (l) => l.type === 'knn' && l.features === 'backbone',
    );
    expect(knn).toMatchObject({
      top1: logged?.type === 'knn' ? logged.top1 : null,
      k: CIFAR_TRAIN,
      t: 0.1,
      features: 'backbone',
      bank: CIFAR_TRAIN,
      queries: CIFAR_TEST,
      step: 6,
    });
    await checkEmbeddings(folder, run);
  });

  it('keeps the state of the step before when the loss stops being finite', async () => {
    const folder = await temporaryFolder();
    const args = [...PRETRAIN, '--steps', '5', '--lr', '1e20', '--out', `${folder}/run`];
    const { code, stderr } = await mocoWeb([...args, '--log', `${folder}/log.jsonl`]);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    const [, step] = /step (\d+): loss, gradients or statistics are not finite/.exec(stderr) ?? [];
    const last = readLog(`${folder}/log.jsonl`).at(-1);
    expect(last).toMatchObject({ type: 'step', step: Number(step) - 1 });
    expect((await readdir(`${folder}/run`)).sort()).toEqual([
      'log.jsonl',
      `step-${String(Number(step) - 1).padStart(6, '0')}`,
    ]);
  });
});

async function checkLog(path: string): Promise<void> {
  const lines = readLog(path);
  const [first, ...rest] = lines;
  expect(Object.keys(first ?? {})).toEqual(['type', 'config', 'versions', 'backend', 'adapter']);
  expect(first).toMatchObject({
    type: 'run',
    backend: 'wasm',
    adapter: null,
    config: { arch: 'resnet18', width: 4, batchSize: 16, groups: 2, queueSize: 64, steps: 6, epochs: 2 },
    versions: { 'moco-web': expect.any(String), Node: process.versions.node },
  });
  expect(rest.map(({ type }) => type).join(' ')).toBe(
    'knn knn step step step step step epoch knn knn step knn knn', // kNN: backbone, head
  );
  const steps = rest.filter((line) => line.type === 'step');
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(steps.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 0, 1]);
  // Learning rate of moco-v2 at its own batch of 256, scaled to 16; the cosine of epoch 1 of 2 halves it.
  const rate = (0.03 * 16) / 256;
  expect(steps.slice(0, 5).map(({ lr }) => lr)).toEqual(Array(STEPS_PER_EPOCH).fill(rate));
  expect(steps[5]?.lr).toBeCloseTo(rate / 2, 15);
  for (const step of steps) {
    const keys = ['type', 'step', 'epoch', 'loss', 'acc1', 'acc5', 'lr', 'imagesPerSecond', 'embeddingStd'];
    expect(Object.keys(step)).toEqual(keys);
    // ln(1 + 64) ± (2/τ) bounds the loss of unit vectors at τ = 0.2.
    expect(step.loss).toBeGreaterThan(0);
    expect(step.loss).toBeLessThan(Math.log(65) + 10);
    expect(step.acc1).toBeLessThanOrEqual(step.acc5);
    expect((step.acc1 * 16) / 100).toBe(Math.round((step.acc1 * 16) / 100));
    expect(step.imagesPerSecond).toBeGreaterThan(0);
    expect(step.embeddingStd).toBeGreaterThan(0);
    expect(step.embeddingStd).toBeLessThanOrEqual(1 / Math.sqrt(16));
  }
  // Full precision: a mean of 16 float32 losses is not a short decimal.
  expect(Math.max(...steps.map(({ loss }) => String(loss).length))).toBeGreaterThan(12);
  const knn = rest.filter((line) => line.type === 'knn');
  expect(knn.map(({ epoch }) => epoch)).toEqual([0, 0, 1, 1, 2, 2]);
  expect(knn.map(({ features }) => features)).toEqual(Array(3).fill(['backbone', 'head']).flat());
  for (const line of knn) {
    expect(Object.keys(line)).toEqual(['type', 'epoch', 'top1', 'k', 't', 'features']);
    expect((line.top1 * CIFAR_TEST) / 100).toBe(Math.round((line.top1 * CIFAR_TEST) / 100));
  }
}

async function checkRunDirectory(run: string): Promise<void> {
  expect((await readdir(run)).sort()).toEqual([
    ...['log.jsonl', 'neighbors.png', 'report.html', 'step-000005', 'step-000006'],
  ]);
  for (const step of [5, 6]) {
    const checkpoint = `${run}/step-00000${step}`;
    expect((await readdir(checkpoint)).sort()).toEqual(['model.safetensors', 'state.json']);
    const state = JSON.parse(await readFile(`${checkpoint}/state.json`, 'utf8'));
    expect(state).toMatchObject({ step, epoch: 1, queue_ptr: (step * 16) % 64 });
    expect(state.sampler).toMatchObject({ stepInEpoch: step % STEPS_PER_EPOCH, images: CIFAR_TRAIN });
  }
  const tensors = readSafetensors(await readFile(`${run}/step-000006/model.safetensors`));
  expect(tensors.get('queue')?.shape).toEqual([64, 16]);
  for (const name of ['conv1.weight', 'layer4.1.bn2.bias', 'fc.0.weight', 'fc.2.bias']) {
    for (const prefix of ['encoder_q', 'encoder_k', 'momentum'])
      expect(tensors.has(`${prefix}.${name}`)).toBe(true);
  }
  const png = await readFile(`${run}/neighbors.png`);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
}

/** The three formats hold the same rows; the embedding of an image does not depend on how many workers there are. */
async function checkEmbeddings(folder: string, run: string): Promise<void> {
  const embed = (file: string, ...more: string[]) =>
    succeed(['embed', '--checkpoint', run, '--data', CIFAR, '--out', `${folder}/${file}`, ...more]);
  const rows = CIFAR_TRAIN + CIFAR_TEST;
  expect(await embed('e.npy')).toContain(`${rows} rows in`);
  await embed('e.safetensors', '--workers', '1');
  await embed('e.jsonl');
  const npy = await readFile(`${folder}/e.npy`);
  const start = 10 + npy.readUInt16LE(8);
  expect(npy.subarray(10, start).toString('latin1')).toContain(`'shape': (${rows}, 32)`);
  const values = new Float32Array(Uint8Array.from(npy.subarray(start)).buffer);
  const tensors = readSafetensors(await readFile(`${folder}/e.safetensors`));
  expect(tensors.get('embeddings')).toEqual({ dtype: 'F32', shape: [rows, 32], data: values });
  const lines = (await readFile(`${folder}/e.jsonl`, 'utf8')).trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as EmbeddingLine);
  expect(parsed.map(({ index }) => index)).toEqual(Array.from({ length: rows }, (_, i) => i));
  expect(Float32Array.from(parsed.flatMap(({ embedding }) => embedding))).toEqual(values);
  expect(BigInt64Array.from(parsed, ({ label }) => BigInt(label))).toEqual(tensors.get('labels')?.data);
  expect(new Set(parsed.map(({ embedding }) => embedding.join())).size).toBeGreaterThan(rows / 2);
  const records = await readFile(`${CIFAR}/data_batch_1.bin`);
  expect(parsed.slice(0, 5).map(({ label }) => label)).toEqual([0, 1, 2, 3, 4].map((i) => records[i * 3073]));
}
