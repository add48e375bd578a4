/** Preset photos: what it makes of how many images there are, on what, in which time. */
import { describe, expect, it } from 'vitest';
import { FEWEST_PHOTOS, photosInWords, photosMinutes } from '../../src/settings/photos.ts';
import type { ConfigOverrides, DataFacts, Settings } from '../../src/settings/settings.ts';
import { mergeResumedConfig, resolveConfig, validateConfig } from '../../src/train/configure.ts';

const photos = (data: DataFacts, given: ConfigOverrides = {}): Settings =>
  resolveConfig('photos', given, data);

/** Every number of images up to 300, and some beyond. */
const COUNTS = [
  ...Array.from({ length: 300 - FEWEST_PHOTOS + 1 }, (_, i) => FEWEST_PHOTOS + i),
  ...[511, 512, 1204, 4095, 4096, 8192, 50_000, 1_000_000],
];

describe('preset photos', () => {
  it('has a queue of at most half of the images, in whole batches, for any number that trains', () => {
    for (const images of COUNTS) {
      for (const backend of ['wasm', 'native', 'webgpu'] as const) {
        const config: Settings = photos({ images, backend });
        const { batchSize, groups, queueSize = 0 } = config;
        validateConfig(config, images);
        expect(2 * queueSize, `${images}`).toBeLessThanOrEqual(images);
        expect(queueSize % batchSize).toBe(0);
        // ShuffleBN has nothing to shuffle in one group.
        expect(groups).toBeGreaterThan(1);
        expect(batchSize / groups).toBeGreaterThanOrEqual(8);
      }
    }
  });

  it('says in one line what it has decided', () => {
    const data = { images: 1204, backend: 'wasm' } as const;
    expect(photosInWords(photos(data), data)).toBe(
      'photos: 1,204 images, 48 px, batch 64 in 4 groups, K 576, 26 epochs, about 10 minutes on wasm',
    );
    const gpu = { images: 50_000, backend: 'webgpu', minutes: 60 } as const;
    expect(photosInWords(photos(gpu), gpu)).toBe(
      'photos: 50,000 images, 48 px, batch 128 in 8 groups, K 4096, 25 epochs, about 59 minutes on webgpu',
    );
    const few = { images: 32, minutes: 0.1 };
    expect(photosInWords(photos(few, { steps: 1 }), few)).toMatch(
      /batch 16 in 2 groups, K 16, 1 epoch, less than a minute/,
    );
  });

  it('keeps to the time where that is enough for one epoch', () => {
    for (const images of COUNTS) {
      for (const minutes of [2, 10, 45]) {
        const data = { images, minutes };
        const config = photos(data);
        const [, about] = /about (\d+) minute/.exec(photosInWords(config, data)) ?? [];
        if (config.epochs > 1)
          expect(Number(about ?? 0), `${images} in ${minutes}`).toBeLessThanOrEqual(minutes);
      }
    }
  });

  it('counts what decoding takes, in the time that there is and in what it says', () => {
    const small = { images: 1200, minutes: 10 };
    const large = { ...small, decodeSeconds: 0.2 };
    const given = { imageSize: 32 };
    const [quick, slow] = [photos(small, given), photos(large, given)];
    expect(slow.epochs).toBeLessThan(quick.epochs);
    const times = photosMinutes(slow, large);
    expect(times.all).toBeLessThanOrEqual(10);
    expect(times.all - photosMinutes(slow, small).all).toBeCloseTo((1200 * 0.2) / 60, 10);
    expect(times.first).toBeGreaterThan((1200 * 0.2) / 60);
    expect(times.first).toBeLessThan(times.all);
    // Enough epochs for a good encoder, or else how long they would take.
    expect(photosMinutes(quick, small).good).toBe(photosMinutes(quick, small).all);
    const hasty = { images: 50_000, minutes: 2 };
    expect(photosMinutes(photos(hasty), hasty).good).toBeGreaterThan(20);
  });

  it('prefers larger images where they leave enough epochs, and enlarges none', () => {
    const sizes = [1, 10, 30].map((minutes) => photos({ images: 1204, minutes }).imageSize);
    expect(sizes).toEqual([32, 48, 64]);
    expect(photos({ images: 1204, minutes: 30, imageSizeOfData: 40 }).imageSize).toBe(40);
    expect(photos({ images: 1204, imageSizeOfData: 20 }).imageSize).toBe(20);
    expect(photos({ images: 1204, imageSizeOfModel: 96 }).imageSize).toBe(96);
  });

  it('lets what is given decide, and the rest follow', () => {
    const data = { images: 1000 };
    expect(photos(data, { batchSize: 100 })).toMatchObject({ batchSize: 100, groups: 4, queueSize: 500 });
    expect(photos(data, { queueSize: 64, epochs: 3, groups: 2 })).toMatchObject({
      queueSize: 64,
      epochs: 3,
      groups: 2,
    });
    const narrow = photos(data, { width: 8, imageSize: 32 }).epochs;
    expect(narrow).toBeGreaterThan(photos(data, { width: 16, imageSize: 32 }).epochs);
    const { learningRate } = photos(data);
    expect(photos(data, { batchSize: 32 }).learningRate).toBeCloseTo(learningRate / 2, 12);
  });

  it('is a complete recipe where nothing is known', () => {
    expect(photos({})).toMatchObject({
      preset: 'photos',
      method: 'moco',
      mlp: true,
      augmentation: 'v2',
      schedule: 'cosine',
    });
  });

  it('refuses fewer images than train, in one line, and times that are none', () => {
    const refused = (data: DataFacts) => expect(() => photos(data));
    refused({ images: FEWEST_PHOTOS - 1 }).toThrow(
      '31 training images are too few for preset photos: it needs 32 or more',
    );
    for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      refused({ images: 100, minutes }).toThrow(/minutes are out of range/);
    }
  });

  it('is what it was where a run is resumed', () => {
    const saved = photos({ images: 1204, backend: 'webgpu' });
    expect(mergeResumedConfig(saved, { preset: 'photos' }, 1204)).toEqual(saved);
  });
});
