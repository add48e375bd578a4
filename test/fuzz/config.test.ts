/** Whatever a caller gives as settings: a configuration that can be, or a refusal by name. */
import { expect } from 'vitest';
import { expectOptions } from '../../src/arguments.ts';
import { PRESET_NAMES } from '../../src/settings/presets.ts';
import type { ConfigOverrides, DataFacts } from '../../src/settings/settings.ts';
import { parseSettings } from '../../src/settings/validate.ts';
import { requireSavable } from '../../src/train/check-options.ts';
import { mergeResumedConfig, resolveConfig, validateConfig } from '../../src/train/configure.ts';
import { PRETRAIN_OPTIONS } from '../../src/train/pretrain-options.ts';
import { fuzz } from './harness.ts';
import { anyValue, type Json, withFaults } from './json.ts';
import type { FuzzRandom } from './random.ts';

const GOOD = {
  ...{ arch: 'resnet18', stem: 'cifar', width: 2, imageSize: 16, dim: 4, mlp: true, batchSize: 8, groups: 2 },
  ...{ queueSize: 16, momentum: 0.9, temperature: 0.1, symmetric: false, epochs: 2, seed: 1, augPlus: true },
  ...{ optimizer: 'sgd', schedule: 'cosine', warmup: 0, learningRate: 0.1, weightDecay: 0 },
};
const FACTS = { images: 64, imageSizeOfData: 32, classes: 3, minutes: 5, processors: 2, backend: 'wasm' };

const CONFIG = resolveConfig('moco-v2', {}, {});
const DATA = {
  ...{ kind: 'drawn', path: null, train: { kind: 'drawn' }, test: null, trainLength: 64, testLength: 0 },
  ...{ classes: [], trainLabels: null, testLabels: null },
};

/** Mostly as it should be, with some values of another kind. */
function someOf(random: FuzzRandom, good: Readonly<Record<string, unknown>>, most: number): unknown {
  if (random.chance(0.02)) return anyValue(random);
  const kept = Object.entries(good).filter(() => random.chance(0.7));
  const changed = Object.fromEntries(kept);
  for (let left = random.below(most + 1); left > 0; left--) {
    const name = random.chance(0.9)
      ? random.pick(Object.keys(good))
      : random.pick(['__proto__', 'nope', 'preset', '']);
    Object.defineProperty(changed, name, { value: anyValue(random), enumerable: true, configurable: true });
  }
  return changed;
}

const shown = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, part) =>
      ['bigint', 'symbol', 'function'].includes(typeof part) ? typeof part : part,
    );
  } catch {
    return 'not to be shown';
  }
};

fuzz({
  kind: 'config objects',
  cases: 10_000,
  input: (random) => ({
    preset: random.chance(0.9) ? random.pick(PRESET_NAMES) : anyValue(random),
    overrides: someOf(random, GOOD, 2),
    facts: someOf(random, FACTS, 1),
    resumed: someOf(random, { epochs: 3, steps: 9 }, 1),
  }),
  take({ preset, overrides, facts, resumed }) {
    const config = resolveConfig(preset as string, overrides as ConfigOverrides, facts as DataFacts);
    // What is given is either taken or refused, never quietly something else.
    for (const name of ['mlp', 'batchSize', 'groups', 'width', 'dim', 'seed'] as const) {
      const given = (overrides as Record<string, unknown> | undefined)?.[name];
      if (given !== undefined) expect(config[name]).toBe(given);
    }
    validateConfig(config);
    requireSavable(config, null);
    mergeResumedConfig(config, resumed as ConfigOverrides, 64);
  },
  show: shown,
});

fuzz({
  kind: 'config of a checkpoint',
  cases: 4000,
  input: (random) => withFaults(random, structuredClone(resolveConfig('moco-v2', {}, {})) as unknown as Json),
  take: (config) => parseSettings(config),
});

fuzz({
  kind: 'options of pretrain',
  cases: 4000,
  input: (random) => {
    const good = { knnEvery: 1, probeEvery: 1, checkpointEvery: 1, workers: 1, dataWorkers: 1, prefetch: 1 };
    const backend = random.chance(0.8) ? 'wasm' : anyValue(random);
    const data = random.chance(0.8) ? DATA : anyValue(random);
    return { ...(someOf(random, good, 2) as object), config: CONFIG, backend, data };
  },
  take: (options) => expectOptions('pretrain', options, PRETRAIN_OPTIONS),
  show: shown,
});
