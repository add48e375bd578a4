/**
 * Preset `photos`: MoCo v2 on a small ResNet, cut to how many images there are and how long it may take. What it decides
 * becomes settings like any others: a checkpoint holds them, and a resumed run goes on with them.
 */
import { expectArgument, made, shown, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { stepsPerEpoch } from './run-length.ts';
import type { ConfigOverrides, DataFacts, Preset, Settings } from './settings.ts';
import { CONFIGURATION } from './validate.ts';

/** Twice the smallest batch: the queue holds a batch, and no more than half of the images. */
export const FEWEST_PHOTOS = 32;
/** How long a run may take where nobody says. */
export const PHOTO_MINUTES = 10;

/** Images from which on a batch is that large; in groups of 16 images, of the smallest batch of 8. */
const BATCHES = [
  { images: 4096, batchSize: 128 },
  { images: 512, batchSize: 64 },
  { images: 128, batchSize: 32 },
  { images: 0, batchSize: 16 },
] as const;
const LARGEST_QUEUE = 4096;
/** Sides in pixels, best first: the first is taken that leaves the run so many epochs. */
const SIZES = [64, 48, 32] as const;
const ENOUGH_EPOCHS = 20;
/** As in the papers: more teach little. */
const MOST_EPOCHS = 200;
/** The smallest group whose BatchNorm statistics are worth having. */
const SMALLEST_GROUP = 8;

/**
 * Images a second of the whole step for ResNet-18 of width 16 at 32 px, of which all estimates are made. wasm and native: a
 * processor, measured on two (docs/performance.md). webgpu: of the whole GPU, assumed for a small one, as software alone was measured.
 */
const RATES = { wasm: 57, native: 130, webgpu: 2000 } as const;
/** How much more work the others are, of the same width. */
const WORK: Readonly<Record<string, number>> = { resnet18: 1, resnet34: 2.1, resnet50: 2.3 };
/** Measured: width 8 is 2.5 times as fast as width 16, where four times fewer operations are computed. */
const WIDTH_POWER = 4 / 3;

type Cut = Pick<Preset, 'width' | 'imageSize' | 'batchSize' | 'groups' | 'epochs'> & {
  readonly queueSize: number;
};

/**
 * What the preset makes of the data, as far as it is known; what callers override, the rest follows.
 * @throws MocoError usage below FEWEST_PHOTOS images, and for minutes out of range
 */
export function cutToPhotos(preset: Preset, given: ConfigOverrides, data: DataFacts): Partial<Cut> {
  const { images, minutes = PHOTO_MINUTES } = data;
  if (!(Number.isFinite(minutes) && minutes > 0)) {
    throw new MocoError('usage', `${shown(minutes)} minutes are out of range: give a finite number above 0`);
  }
  const width = given.width ?? (data.backend === 'webgpu' ? 2 * preset.width : preset.width);
  if (images === undefined) return { width };
  if (images < FEWEST_PHOTOS) {
    throw new MocoError(
      'usage',
      `${images} training images are too few for preset photos: it needs ${FEWEST_PHOTOS} or more`,
    );
  }
  const batchSize = given.batchSize ?? BATCHES.find((row) => images >= row.images)!.batchSize;
  const groups = given.groups ?? groupsOf(batchSize);
  const seconds = Math.max(0, 60 * minutes - decodingOf(images, data));
  const epochsAt = (imageSize: number) => {
    const perSecond = imagesPerSecond({ arch: given.arch ?? preset.arch, width, imageSize, groups }, data);
    const perEpoch = Math.max(1, stepsPerEpoch(images, batchSize)) * batchSize;
    return Math.min(MOST_EPOCHS, Math.max(1, Math.floor((seconds * perSecond) / perEpoch)));
  };
  const imageSize = given.imageSize ?? data.imageSizeOfModel ?? sizeOf(data.imageSizeOfData, epochsAt);
  return {
    ...{ width, imageSize, batchSize, groups },
    queueSize: queueOf(images, batchSize),
    epochs: epochsAt(imageSize),
  };
}

/** At most half of the images, so that few of a query's negatives are itself; whole batches, where one fits. */
function queueOf(images: number, batchSize: number): number {
  const most = Math.min(LARGEST_QUEUE, Math.floor(images / 2));
  return most < batchSize ? most : most - (most % batchSize);
}

/** ShuffleBN needs two, and a processor each is used. */
function groupsOf(batchSize: number): number {
  return (
    [8, 4, 2].find((groups) => batchSize % groups === 0 && batchSize / groups >= 2 * SMALLEST_GROUP) ??
    (batchSize % 2 === 0 && batchSize >= 2 * SMALLEST_GROUP ? 2 : 1)
  );
}

/** Views are not enlarged beyond the data's own size. */
function sizeOf(ofData: number | undefined, epochsAt: (imageSize: number) => number): number {
  const sizes = SIZES.map((size) => Math.min(size, ofData ?? size));
  return sizes.find((size) => epochsAt(size) >= ENOUGH_EPOCHS) ?? sizes.at(-1)!;
}

/** An estimate. */
function imagesPerSecond(
  { arch, width, imageSize, groups }: Pick<Settings, 'arch' | 'width' | 'imageSize' | 'groups'>,
  { backend = 'wasm', processors = 2 }: DataFacts,
): number {
  const at = backend === 'webgpu' ? 1 : Math.min(processors, groups);
  const work = (WORK[arch] ?? 1) * (width / 16) ** WIDTH_POWER * (imageSize / 32) ** 2;
  return (RATES[backend] * at) / work;
}

/** Measured times are taken in twentieths of a second: the same photos have the same plan, and what is next to nothing is nothing. */
const DECODE_GRAIN = 20;

/** Seconds. Workers decode beside each other, each all of the images in the course of a run. */
function decodingOf(images: number, { decodeSeconds = 0 }: DataFacts): number {
  return (images * Math.round(DECODE_GRAIN * decodeSeconds)) / DECODE_GRAIN;
}

/** How long a run is estimated to take, in minutes. */
export interface PhotosMinutes {
  /** Until a tenth of the run is done, when there is something to look at. */
  readonly first: number;
  /** The whole run. */
  readonly all: number;
  /** As many epochs as make a good encoder: no more than `all` where the run has them. */
  readonly good: number;
}

const FIRST_SHARE = 0.1;

/**
 * An estimate of how long a run of preset `photos` takes, by its configuration and what it was made of; what decoding costs is in it
 * where `decodeSeconds` says so.
 * @throws MocoError usage
 */
export function photosMinutes(
  config: Settings,
  data: DataFacts & { readonly images: number },
): PhotosMinutes {
  expectFacts('photosMinutes', config, data);
  const { batchSize, epochs, steps } = config;
  const perEpoch = stepsPerEpoch(data.images, batchSize);
  const decoding = decodingOf(data.images, data);
  const rate = imagesPerSecond(config, data);
  const minutesOf = (taken: number) => (decoding + (taken * batchSize) / rate) / 60;
  const all = Math.min(epochs * perEpoch, steps ?? Number.POSITIVE_INFINITY);
  return {
    first: minutesOf(Math.min(all, Math.max(perEpoch, FIRST_SHARE * all))),
    all: minutesOf(all),
    good: minutesOf(Math.max(all, ENOUGH_EPOCHS * perEpoch)),
  };
}

function expectFacts(call: string, config: Settings, data: DataFacts & { readonly images: number }): void {
  expectArgument(call, 'config', config, CONFIGURATION);
  expectArgument(call, 'data', data, made<typeof data>('facts with `images`', { images: whole(1) }));
}

/** What preset `photos` has decided, in one line: 'photos: 1,204 images, 48 px, …, about 10 minutes on wasm'. */
export function photosInWords(config: Settings, data: DataFacts & { readonly images: number }): string {
  expectFacts('photosInWords', config, data);
  const { imageSize, batchSize, groups, queueSize, epochs } = config;
  const { images, backend = 'wasm' } = data;
  const minutes = Math.round(photosMinutes(config, data).all);
  const about = minutes < 1 ? 'less than a minute' : `about ${minutes} minute${minutes === 1 ? '' : 's'}`;
  const parts = [
    `${images.toLocaleString('en-US')} images`,
    `${imageSize} px`,
    `batch ${batchSize} in ${groups} group${groups === 1 ? '' : 's'}`,
    ...(queueSize === undefined ? [] : [`K ${queueSize}`]),
    `${epochs} epoch${epochs === 1 ? '' : 's'}`,
    `${about} on ${backend}`,
  ];
  return `photos: ${parts.join(', ')}`;
}
