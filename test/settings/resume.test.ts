import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import type { ResumeOptions } from '../../src/settings/settings.ts';
import { mergeResumedConfig, resolveConfig } from '../../src/train/configure.ts';

const IMAGES = 1000;
const saved = resolveConfig(
  'moco-cifar',
  { batchSize: 100, groups: 2, width: 16, mlp: true, epochs: 5 },
  { images: IMAGES },
);

describe('mergeResumedConfig', () => {
  it('takes the saved configuration', () => {
    expect(mergeResumedConfig(saved, {}, IMAGES)).toEqual(saved);
  });

  it('accepts what restates it', () => {
    const given: ResumeOptions = {
      preset: 'moco-cifar',
      arch: 'resnet18',
      stem: 'auto',
      width: 16,
      imageSize: 32,
      mlp: true,
      augPlus: false,
      batchSize: 100,
      groups: 2,
      momentum: 0.99,
      optimizer: 'sgd',
      learningRate: saved.learningRate,
      epochs: 5,
      seed: 0,
    };
    expect(mergeResumedConfig(saved, given, IMAGES)).toEqual(saved);
  });

  it.each<[ResumeOptions]>([
    [{ preset: 'moco-v2' }],
    [{ arch: 'resnet34' }],
    [{ stem: 'imagenet' }],
    [{ width: 64 }],
    [{ mlp: false }],
    [{ augPlus: true }],
    [{ batchSize: 50 }],
    [{ learningRate: 0.1 }],
    [{ temperature: 0.2 }],
    [{ seed: 1 }],
    [{ epochs: 4 }],
    [{ steps: 49 }],
    [{ optimizer: 'lars' }],
    [{ feature: 'pooled' }],
  ])('refuses %j', (given) => {
    const merge = () => mergeResumedConfig(saved, given, IMAGES);
    expect(merge).toThrow(MocoError);
    expect(merge).toThrow(/is not that of the saved run/);
  });

  it('extends epochs and steps', () => {
    expect(mergeResumedConfig(saved, { epochs: 8 }, IMAGES)).toEqual({ ...saved, epochs: 8 });
    // 10 steps an epoch: 75 steps need 8 epochs, and end within the last.
    expect(mergeResumedConfig(saved, { steps: 75 }, IMAGES)).toEqual({ ...saved, epochs: 8, steps: 75 });
    const stopped = { ...saved, steps: 12 };
    expect(mergeResumedConfig(stopped, { steps: 30 }, IMAGES)).toEqual({ ...saved, steps: 30 });
    expect(mergeResumedConfig(stopped, { steps: 75, epochs: 5 }, IMAGES)).toEqual({ ...saved, steps: 75 });
    expect(() => mergeResumedConfig(stopped, { steps: 11 }, IMAGES)).toThrow(/steps 11/);
  });

  it('refuses extensions that are no numbers of epochs', () => {
    expect(() => mergeResumedConfig(saved, { epochs: 7.5 }, IMAGES)).toThrow(/epochs 7.5 is out of range/);
    expect(() => mergeResumedConfig(saved, { epochs: Number.NaN }, IMAGES)).toThrow(/epochs NaN/);
  });
});
