import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { belongs } from '../../src/settings/owners.ts';
import { PRESET_NAMES } from '../../src/settings/presets.ts';
import type { DataFacts } from '../../src/settings/resolve.ts';
import { totalSteps } from '../../src/settings/run-length.ts';
import type { ConfigOverrides, SettingName, Settings } from '../../src/settings/settings.ts';
import { parseSettings } from '../../src/settings/validate.ts';
import { resolveConfig, validateConfig } from '../../src/train/configure.ts';

function refusal(preset: string, overrides: ConfigOverrides, data?: DataFacts): string {
  try {
    resolveConfig(preset, overrides, data);
  } catch (error) {
    expect((error as MocoError).code).toBe('usage');
    return (error as MocoError).message;
  }
  throw new Error('was accepted');
}

describe('resolveConfig', () => {
  it('gives the recipes of the papers', () => {
    expect(resolveConfig('moco-v1')).toMatchObject({
      arch: 'resnet50',
      stem: 'imagenet',
      imageSize: 224,
      mlp: false,
      augmentation: 'v1',
      queueSize: 65536,
      momentum: 0.999,
      temperature: 0.07,
      schedule: 'step',
      learningRate: 0.03,
      weightDecay: 1e-4,
      dim: 128,
    });
    expect(resolveConfig('moco-v2')).toMatchObject({
      mlp: true,
      augmentation: 'v2',
      temperature: 0.2,
      schedule: 'cosine',
      learningRate: 0.03,
    });
    expect(resolveConfig('moco-cifar')).toMatchObject({
      arch: 'resnet18',
      stem: 'cifar',
      imageSize: 32,
      mlp: false,
      batchSize: 512,
      groups: 8,
      queueSize: 4096,
      momentum: 0.99,
      temperature: 0.1,
      learningRate: 0.06,
      weightDecay: 5e-4,
      augmentation: 'cifar',
    });
  });

  it("scales the preset's learning rate from the preset's batch and takes an explicit one as given", () => {
    expect(resolveConfig('moco-cifar', { batchSize: 256 }).learningRate).toBe(0.03);
    expect(resolveConfig('moco-v2', { batchSize: 512 }).learningRate).toBe(0.06);
    expect(resolveConfig('moco-v2', { batchSize: 512, learningRate: 0.5 }).learningRate).toBe(0.5);
  });

  it('chooses the stem by the image size unless told', () => {
    const stem = (overrides: ConfigOverrides) => resolveConfig('moco-v2', overrides).stem;
    expect(stem({ imageSize: 64 })).toBe('cifar');
    expect(stem({ imageSize: 65 })).toBe('imagenet');
    expect(stem({ imageSize: 64, stem: 'imagenet' })).toBe('imagenet');
  });

  it("does not enlarge images beyond the data's own size unless told", () => {
    expect(resolveConfig('moco-v2', {}, { imageSizeOfData: 32 })).toMatchObject({
      imageSize: 32,
      stem: 'cifar',
    });
    expect(resolveConfig('moco-cifar', {}, { imageSizeOfData: 96 }).imageSize).toBe(32);
    expect(resolveConfig('moco-v2', { imageSize: 64 }, { imageSizeOfData: 32 }).imageSize).toBe(64);
  });

  it('steps alone fix the epochs, beside epochs they only end the run early', () => {
    const data = { images: 1000 };
    const alone = resolveConfig('moco-v2', { batchSize: 256, steps: 10 }, data);
    expect(alone.epochs).toBe(4); // 3 whole batches of 256 in 1000
    expect(totalSteps(alone, 3)).toBe(10);
    const both = resolveConfig('moco-v2', { batchSize: 256, steps: 10, epochs: 20 }, data);
    expect([both.epochs, totalSteps(both, 3)]).toEqual([20, 10]);
    expect(totalSteps(resolveConfig('moco-v2', { epochs: 2 }), 3)).toBe(6);
  });

  it('gives every optimizer its own settings, on every preset', () => {
    const names = ['sgdMomentum', 'trust', 'rateInMomentum', 'beta1', 'beta2', 'epsilon'] as const;
    const own = (preset: string, overrides: ConfigOverrides): Partial<Settings> => {
      const config: Settings = resolveConfig(preset, overrides);
      return Object.fromEntries(
        names.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]])),
      );
    };
    for (const preset of PRESET_NAMES) {
      expect(own(preset, { optimizer: 'sgd' })).toEqual({ sgdMomentum: 0.9 });
      expect(own(preset, { optimizer: 'lars', trust: 0.02 })).toEqual({
        sgdMomentum: 0.9,
        trust: 0.02,
        rateInMomentum: true,
      });
      expect(own(preset, { optimizer: 'adamw', beta2: 0.95 })).toEqual({
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
      });
    }
  });

  it('takes a warm-up of part of an epoch', () => {
    expect(resolveConfig('moco-v2').warmup).toBe(0);
    expect(resolveConfig('moco-v2', { warmup: 0.5, epochs: 1 }).warmup).toBe(0.5);
    // The epochs that steps take count, not those of the preset.
    const long = resolveConfig('moco-v2', { warmup: 250, batchSize: 256, steps: 900 }, { images: 1000 });
    expect([long.epochs, long.warmup]).toEqual([300, 250]);
  });

  it('switches augmentations', () => {
    const augmentation = (preset: string, augPlus: boolean) =>
      resolveConfig(preset, { augPlus }).augmentation;
    expect(augmentation('moco-v1', true)).toBe('v2');
    expect(augmentation('moco-v2', false)).toBe('v1');
    expect(augmentation('moco-cifar', false)).toBe('cifar');
  });

  const cases: [string, string, ConfigOverrides, RegExp, DataFacts?][] = [
    [
      'an unknown preset',
      'moco-v9',
      {},
      /unknown preset 'moco-v9': choose one of moco-v1, moco-v2, moco-cifar/,
    ],
    ['a preset from the prototype', 'toString', {}, /unknown preset/],
    ['an unknown arch', 'moco-v2', { arch: 'vgg' }, /unknown arch 'vgg': choose one of resnet18/],
    ['an unknown stem', 'moco-v2', { stem: 'x' }, /unknown stem 'x'/],
    [
      'an unknown optimizer',
      'moco-v2',
      { optimizer: 'adam' },
      /unknown optimizer 'adam': choose one of .*sgd/,
    ],
    [
      'a setting that there is not',
      'moco-v2',
      { queue: 8 } as ConfigOverrides,
      /no setting 'queue': .*queueSize, .*augPlus/,
    ],
    [
      'a width of a file',
      'moco-v2',
      { arch: 'a.onnx', width: 8 },
      /width belongs to the built-in ResNets, not to a/,
    ],
    ['a feature of a ResNet', 'moco-v2', { feature: 'x' }, /feature belongs to encoders from an ONNX file/],
    ['an unknown schedule', 'moco-v2', { schedule: 'linear' }, /unknown schedule 'linear'/],
    [
      'a batch larger than the queue',
      'moco-v2',
      { batchSize: 1024, queueSize: 1000 },
      /queue size 1000 is smaller than batch 1024: lower batchSize or raise queueSize/,
    ],
    [
      'groups that do not divide',
      'moco-v2',
      { groups: 7 },
      /groups 7 do not divide batch 256: groups 4 would/,
    ],
    ['one image a group', 'moco-v2', { batchSize: 8, groups: 8 }, /1 image a group.*BatchNorm needs 2/],
    ['a batch of one image', 'moco-v2', { batchSize: 1, groups: 1 }, /1 image a group/],
    [
      'fewer images than a batch',
      'moco-v2',
      {},
      /255 training images are fewer than batch 256/,
      { images: 255 },
    ],
    ['no images', 'moco-v2', {}, /0 training images/, { images: 0 }],
    ['images too small', 'moco-v2', { imageSize: 31, stem: 'imagenet' }, /raise imageSize to 32 or more, or/],
    ['images too small for the cifar stem', 'moco-cifar', { imageSize: 7 }, /raise imageSize to 8 or more$/],
    ['momentum above 1', 'moco-v2', { momentum: 1.01 }, /momentum 1.01 is out of range/],
    ['momentum NaN', 'moco-v2', { momentum: Number.NaN }, /momentum NaN/],
    ['temperature 0', 'moco-v2', { temperature: 0 }, /temperature 0 is out of range/],
    ['temperature infinite', 'moco-v2', { temperature: Number.POSITIVE_INFINITY }, /temperature Infinity/],
    ['a negative rate', 'moco-v2', { learningRate: -0.1 }, /learning rate -0.1/],
    ['an infinite decay', 'moco-v2', { weightDecay: Number.POSITIVE_INFINITY }, /weight decay Infinity/],
    ['half an epoch', 'moco-v2', { epochs: 0.5 }, /epochs 0.5 is out of range: give a whole number/],
    [
      'a warm-up as long as the run',
      'moco-v2',
      { warmup: 10, epochs: 10 },
      /a warm-up of 10 epochs leaves nothing of a run of 10: lower warmup or raise epochs/,
    ],
    [
      'a warm-up longer than the epochs that steps take',
      'moco-v2',
      { warmup: 5, batchSize: 256, steps: 10 },
      /a warm-up of 5 epochs leaves nothing of a run of 4/,
      { images: 1000 },
    ],
    ['a negative warm-up', 'moco-v2', { warmup: -1 }, /warm-up -1 is out of range/],
    ['a β of 1', 'moco-v2', { optimizer: 'adamw', beta1: 1 }, /beta1 1 is out of range/],
    [
      'no ε',
      'moco-v2',
      { optimizer: 'adamw', epsilon: 0 },
      /epsilon 0 is out of range: give .* 1e-30 or more/,
    ],
    ['no trust', 'moco-v2', { optimizer: 'lars', trust: 0 }, /trust 0 is out of range/],
    [
      'a setting of another optimizer',
      'moco-v2',
      { optimizer: 'adamw', trust: 0.01 },
      /trust belongs to optimizer lars, not to adamw: leave it out/,
    ],
    [
      'momentum of adamw',
      'moco-v2',
      { optimizer: 'adamw', sgdMomentum: 0.5 },
      /sgdMomentum belongs to optimizer sgd, lars, not to adamw/,
    ],
    ['a β of sgd', 'moco-v2', { beta2: 0.9 }, /beta2 belongs to optimizer adamw, not to sgd/],
    ['no steps', 'moco-v2', { steps: 0 }, /steps 0 is out of range/],
    ['a negative batch', 'moco-v2', { batchSize: -4 }, /batch size -4/],
    ['no dim', 'moco-v2', { dim: 0 }, /dim 0/],
    ['a negative seed', 'moco-v2', { seed: -1 }, /seed -1/],
  ];
  it.each(cases)('refuses %s', (_, preset, overrides, message, data) => {
    expect(refusal(preset, overrides, data)).toMatch(message);
  });
});

describe('validateConfig', () => {
  it('takes every preset', () => {
    for (const preset of PRESET_NAMES) expect(() => validateConfig(resolveConfig(preset))).not.toThrow();
  });

  it.each([
    [{ method: 'simsiam' }, /unknown method 'simsiam': choose one of .*moco/],
    [{ optimizer: 'adam' }, /unknown optimizer 'adam': choose one of sgd, lars, adamw/],
    [{ augmentation: 'sepia' }, /unknown augmentation 'sepia': choose one of v1, v2, cifar, simclr/],
    [{ preset: 'mine' }, /unknown preset 'mine'/],
    [{ extra: 1 }, /there is no setting 'extra'/],
    [{ dim: undefined }, /dim undefined is out of range/],
  ])('refuses %j', (change, message) => {
    const config = { ...resolveConfig('moco-v2'), ...change } as Settings;
    expect(() => validateConfig(config)).toThrow(message);
  });
});

describe('settings that not every method has', () => {
  const { temperature, ...config }: Settings = resolveConfig('moco-cifar');
  /** A configuration with these owners and without what they do not have. */
  const of = (owners: { method: string; optimizer: string }) =>
    Object.fromEntries(
      Object.entries({ ...config, temperature, ...owners }).filter(([name]) =>
        belongs(name as SettingName, owners),
      ),
    );
  const other = of({ method: 'other', optimizer: 'sgd' });

  it('are absent from the configuration of another', () => {
    expect(other).not.toHaveProperty('queueSize');
    expect(parseSettings(other)).toEqual(other);
    expect(() => parseSettings({ ...other, temperature })).toThrow(
      'config.temperature: temperature belongs to method moco, simclr, not to other: leave it out',
    );
  });

  it('are asked for by their own', () => {
    expect(() => parseSettings(config)).toThrow('config.temperature: temperature is missing');
    const plain = of({ method: 'moco', optimizer: 'other' });
    expect(plain).not.toHaveProperty('sgdMomentum');
    expect(parseSettings(plain)).toEqual(plain);
    expect(() => parseSettings({ ...plain, optimizer: 'sgd' })).toThrow(
      'config.sgdMomentum: sgdMomentum is missing',
    );
  });
});

describe('parseSettings', () => {
  it('gives back a configuration that went through JSON', () => {
    const config = resolveConfig('moco-cifar', { width: 16, steps: 5 });
    expect(parseSettings(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([
    ['a word in place of a number', { width: '16' }, /config.width/],
    ['a missing field', { dim: undefined }, /config.dim/],
    ['an unknown field', { extra: 1 }, /config.extra/],
    ['a text that is no word', { arch: 'a'.repeat(4097) }, /config.arch/],
    ['a switch that is no switch', { mlp: 1 }, /config.mlp: mlp 1 is out of range: give true or false/],
    ['what is only sometimes there, as null', { feature: null }, /config.feature/],
    ['a value out of range', { temperature: -1 }, /temperature -1/],
    ['settings that do not fit each other', { queueSize: 8 }, /queue size 8 is smaller/],
  ])('refuses %s', (_, change, message) => {
    const value = JSON.parse(JSON.stringify({ ...resolveConfig('moco-cifar'), ...change }));
    expect(() => parseSettings(value)).toThrow(message);
    try {
      parseSettings(value);
    } catch (error) {
      expect((error as MocoError).code).toBe('checkpoint-invalid');
    }
  });

  it.each([null, [], 'x', 3])('refuses %j', (value) => {
    expect(() => parseSettings(value)).toThrow(MocoError);
  });
});
