import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadedCheckpoint, loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { type DatasetDescription, describeDrawn } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { PROTOCOL } from '../../src/evaluate/fit.ts';
import { type LinearEvent, linearOfCheckpoint } from '../../src/evaluate/linear.ts';
import type { LinearJob } from '../../src/evaluate/linear-job.ts';
import { labeledSplits } from '../../src/evaluate/splits.ts';
import { augmentedFeatures } from '../../src/evaluate/training-features.ts';
import { Random, STREAMS } from '../../src/random.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import { WORKERS_ON } from '../backend.ts';
import { expectSameBits } from '../compare.ts';

const SIZE = 8;

let out = '';
let data: DatasetDescription;
let checkpoint: LoadedCheckpoint;
beforeAll(async () => {
  data = await describeDrawn(150, 60, SIZE, 3);
  out = await mkdtemp(join(tmpdir(), 'moco-web-linear-'));
  const small = { width: 2, dim: 4, imageSize: SIZE, batchSize: 8, groups: 2, queueSize: 16, steps: 1 };
  const run = pretrain({
    config: resolveConfig('moco-cifar', small, { images: data.trainLength }),
    data,
    backend: { backend: WORKERS_ON, adapter: null, reason: 'asked for' },
    workers: 1,
    out,
  });
  for await (const _ of run);
  checkpoint = await loadCheckpoint(out);
});
afterAll(() => rm(out, { recursive: true, force: true }));

async function linear(options: Partial<LinearJob> = {}, seen: (event: LinearEvent) => void = () => {}) {
  const events: LinearEvent[] = [];
  const job = { checkpoint, data, backend: WORKERS_ON, workers: 1, ...options } as const;
  for await (const event of linearOfCheckpoint({ epochs: 3, learningRate: 0.3, batchSize: 32, ...job })) {
    events.push(event);
    seen(event);
  }
  return events;
}

describe('linear classification of a checkpoint', () => {
  it('takes the highest rate that surely settles, where it is asked to', async () => {
    const [start, first] = await linear({ cache: true, epochs: 1, learningRate: 'stable' });
    if (start?.type !== 'start' || first?.type !== 'epoch') throw new Error('nothing was begun');
    expect(start.learningRate).toBe(start.stableRate);
    expect(first.lr).toBe(start.stableRate);
  });

  it.each([true, false])('with cached features: %o', async (cache) => {
    const events = await linear({ cache, epochs: 10 });
    expect(events.map(({ type }) => type)).toEqual(['start', ...Array(10).fill('epoch'), 'linear']);
    expect(events[0]).toEqual({
      ...{ type: 'start', cache, epochs: 10, learningRate: 0.3, batchSize: 32, seed: 0 },
      ...{
        images: 150,
        testImages: 60,
        classes: 10,
        dim: 16,
        meanSquare: expect.any(Number),
        stableRate: expect.any(Number),
      },
    });
    const epochs = events.filter((event) => event.type === 'epoch');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Times 0.1 from 60 % and from 80 % on.
    const rates = [...Array(6).fill(0.3), 0.03, 0.03, 0.003, 0.003];
    expect(epochs.map(({ lr }) => lr)).toEqual(rates.map((rate) => expect.closeTo(rate, 12)));
    expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss);
    const outcome = events.at(-1)!;
    if (outcome.type !== 'linear') throw new Error('the last event is not the outcome');
    expect(outcome).toMatchObject({ epochs: 10, cache, backboneUnchanged: true, top1: epochs.at(-1)!.top1 });
    // It learns: below the loss of chance. Tests are too few to say more of.
    expect(outcome.loss).toBeLessThan(Math.log(10));
    expect(outcome.loss).toBe(epochs.at(-1)!.loss);
    expect(outcome.top5).toBeGreaterThan(outcome.top1);
    expect(Number.isInteger(Math.round(outcome.top1 * 0.6 * 1e9) / 1e9)).toBe(true);
    expect(outcome.uniformity).toBeLessThan(0);
    expect(outcome.rankMe).toBeGreaterThan(1);
    expect(outcome.rankMe).toBeLessThan(16.01);
  });

  it('gives the same numbers however the work is spread, and others for another seed', async () => {
    const options = { batchSize: 7, epochs: 2 };
    const one = await linear(options);
    expect(await linear({ ...options, workers: 2 })).toEqual(one);
    expect(await linear({ ...options, seed: 1 })).not.toEqual(one);
  });

  it('tells where the backbone has changed by a bit', async () => {
    const weights = checkpoint.tensors.get('encoder_q.layer2.0.conv1.weight')!.data;
    const before = weights[3]!;
    const flip = (event: LinearEvent) => {
      if (event.type === 'epoch') new Uint32Array(weights.buffer, weights.byteOffset)[3]! ^= 1;
    };
    try {
      const events = await linear({ cache: true, epochs: 1 }, flip);
      expect(events.at(-1)).toMatchObject({ type: 'linear', backboneUnchanged: false });
    } finally {
      weights[3] = before;
    }
  });

  it.each<[string, () => Partial<LinearJob>, string, RegExp]>([
    [
      'no test split',
      () => ({ data: { ...data, test: null, testLabels: null } }),
      'data-invalid',
      /needs a test split/,
    ],
    ['no classes', () => ({ data: { ...data, trainLabels: null } }), 'data-invalid', /needs classes/],
    ['epochs 0', () => ({ epochs: 0 }), 'usage', /epochs is 0: give a whole number, 1 or more/],
    ['a batch of 1.5', () => ({ batchSize: 1.5 }), 'usage', /batch size is 1.5/],
    ['seed −1', () => ({ seed: -1 }), 'usage', /seed is -1/],
    ['a rate of 0', () => ({ learningRate: 0 }), 'usage', /learning rate is 0: give a number above 0/],
    ['a rate beyond float32', () => ({ learningRate: 1e40 }), 'loss-not-finite', /lower it/],
  ])('refuses %s', async (_, options, code, message) => {
    const refused = linear(options());
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.toThrow(message);
  });

  it('takes the protocol of the paper where nothing is said', async () => {
    expect(PROTOCOL).toEqual({ epochs: 100, learningRate: 30, batchSize: 256, seed: 0 });
    const events = linearOfCheckpoint({ checkpoint, data, backend: WORKERS_ON, workers: 1 });
    expect((await events.next()).value).toMatchObject({ ...PROTOCOL, cache: false });
    await events.return(undefined);
  });
});

describe('features of augmented images', () => {
  it('come in the order of the epoch, piece after piece, of crops and flips alone', async () => {
    const many = await describeDrawn(2500, 10, SIZE, 1);
    const { train } = labeledSplits(many, 'this test');
    const views = { recipe: 'cifar', imageSize: SIZE, seed: 99, workers: 2 };
    const length = 3 * SIZE * SIZE;
    // In the place of an encoder: the images themselves.
    const embed = async (images: () => Promise<Float32Array>) => {
      const features = await images();
      return { features, embedding: features };
    };
    const settings = { ...PROTOCOL, batchSize: 250, seed: 5 };
    const source = await augmentedFeatures({ views, embed }, train, settings);
    const loader = await ViewLoader.open(train.spec, 'supervised-cifar', SIZE, 5);
    try {
      const order = new Random({ seed: 1, stream: STREAMS.linearOrder }).permutation(2500);
      let done = 0;
      let pieces = 0;
      for await (const { rows, order: inPiece } of source.epoch(3, order)) {
        pieces++;
        expect([...inPiece]).toEqual([...inPiece.keys()]);
        if (done + inPiece.length < 2500) expect(inPiece.length % 250).toBe(0);
        const images = order.subarray(done, done + inPiece.length);
        expect([...rows.labels]).toEqual(Array.from(images, (image) => train.labels[image]));
        const expected = await loader.views(3, images, STREAMS.linearView);
        expectSameBits('features', rows.features, expected.images);
        expect(rows.features.length).toBe(inPiece.length * length);
        done += inPiece.length;
      }
      expect([done, pieces > 1]).toEqual([2500, true]);
    } finally {
      loader.close();
      await source.dispose();
    }
  });
});
