/** What a run shows of itself for live views: that it is right, and that it changes no bit of the run. */
import { describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { RECIPES } from '../../src/data/augment/recipes.ts';
import { describeDrawn } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { embedImages } from '../../src/evaluate/evaluate-checkpoint.ts';
import { STREAMS } from '../../src/random.ts';
import type { BackendChoice } from '../../src/runtime/backend.ts';
import { factsOf } from '../../src/settings/resolve.ts';
import type { ConfigOverrides } from '../../src/settings/settings.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import type { PretrainEvent, StepEvent, WatchEvent } from '../../src/train/events.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';
import { WORKERS_ON } from '../backend.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const BACKEND: BackendChoice = { backend: WORKERS_ON, adapter: null, reason: 'asked for' };
const SETTINGS = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, batchSize: 16, groups: 2, steps: 7 };

const data = await describeDrawn(80, 16, 16, 0);

function optionsOf(preset: string, overrides: ConfigOverrides = {}): PretrainOptions {
  const config = resolveConfig(preset, { ...SETTINGS, ...overrides }, factsOf(data));
  return { config, data, backend: BACKEND, workers: 1 };
}

async function eventsOf(options: PretrainOptions): Promise<PretrainEvent[]> {
  const events: PretrainEvent[] = [];
  for await (const event of pretrain(options)) events.push(event);
  return events;
}

const watched = (events: PretrainEvent[]) =>
  events.filter((event): event is WatchEvent => event.type === 'watch');
const losses = (events: PretrainEvent[]) =>
  events.filter((event): event is StepEvent => event.type === 'step').map(({ loss }) => loss);

describe('a watched run', () => {
  it('gives the same losses, and shows pairs and a sample as they are', async () => {
    const options = optionsOf('moco-v2', { queueSize: 64 });
    const out = await temporaryFolder();
    const events = await eventsOf({ ...options, out, watch: { every: 3, pairs: 2, sample: 20 } });
    expect(losses(events)).toEqual(losses(await eventsOf(options)));
    const seen = watched(events);
    expect(seen.map(({ step }) => step)).toEqual([0, 3, 6, 7]);
    // Step 6 is the first of the second epoch: its images are in another order, and its views others.
    const loader = await ViewLoader.open(data.train, 'v2', 16, 0);
    const { mean, std } = RECIPES.v2;
    for (const { step, pairs } of seen) {
      expect(pairs.length).toBe(2);
      for (const [side, stream] of [
        ['query', STREAMS.firstView],
        ['key', STREAMS.secondView],
      ] as const) {
        const made = await loader.views(
          step > 5 ? 1 : 0,
          pairs.map(({ image }) => image),
          stream,
        );
        const normalized = pairs.flatMap((pair) =>
          [0, 1, 2].flatMap((c) =>
            Array.from({ length: 256 }, (_, i) => (pair[side].data[3 * i + c]! / 255 - mean[c]!) / std[c]!),
          ),
        );
        expect(Float32Array.from(normalized)).toEqual(made.images);
      }
    }
    expect(seen[0]!.pairs).not.toEqual(seen[1]!.pairs);
    // At its end they lie where the checkpoint puts them.
    const { images, features, dim } = seen.at(-1)!.sample!;
    expect(images).toEqual(Array.from({ length: 20 }, (_, i) => 4 * i));
    const job = {
      checkpoint: await loadCheckpoint(out),
      data,
      backend: WORKERS_ON,
      features: 'backbone',
    } as const;
    for await (const { index, vector } of embedImages(job)) {
      const row = images.indexOf(index);
      if (row < 0) continue;
      const found = features.subarray(row * dim, (row + 1) * dim);
      for (const [i, value] of vector.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-6);
    }
  });

  it('goes on showing where it is resumed', async () => {
    const options = optionsOf('moco-v2', { queueSize: 64, steps: 4 });
    const out = await temporaryFolder();
    await eventsOf({ ...options, out });
    const config = resolveConfig(
      'moco-v2',
      { ...SETTINGS, queueSize: 64, steps: 5, epochs: 1 },
      factsOf(data),
    );
    const events = await eventsOf({
      ...options,
      config,
      resume: await loadCheckpoint(out),
      watch: { every: 100, pairs: 1, sample: [79, 2] },
    });
    expect(watched(events).map(({ step, sample }) => [step, sample!.images])).toEqual([
      [4, [79, 2]],
      [5, [79, 2]],
    ]);
  });

  it('has no pairs where a method has none, and no sample where none is wanted', async () => {
    const events = await eventsOf({
      ...optionsOf('supervised', { steps: 1, dim: 10 }),
      watch: { every: 1, sample: 0 },
    });
    expect(watched(events)).toEqual([0, 1].map((step) => ({ type: 'watch', step, pairs: [], sample: null })));
  });

  it.each([
    { every: 0 },
    { every: 1.5 },
    { every: 1, pairs: -1 },
    { every: 1, sample: 0.5 },
    { every: 1, sample: [80] },
  ])('is refused with %o', async (watch) => {
    await expect(eventsOf({ ...optionsOf('moco-v2', { queueSize: 64 }), watch })).rejects.toMatchObject({
      code: 'usage',
    });
  });
});
