import { MocoError } from '../errors.ts';
import { isImported, type PretrainConfig } from './config.ts';

/** A configuration whose words were not looked up yet. */
export interface UncheckedConfig extends Omit<PretrainConfig, 'arch' | 'stem' | 'schedule'> {
  arch: string;
  stem: string;
  schedule: string;
}

export const ARCHITECTURES = ['resnet18', 'resnet34', 'resnet50'] as const;
export const STEMS = ['imagenet', 'cifar'] as const;
export const SCHEDULES = ['cosine', 'step'] as const;

/** Generous bounds: far beyond any use, small enough that products of them stay exact. */
const MAX_COUNT = 2 ** 31 - 1;
const MAX_IMAGE_SIZE = 4096;
const MAX_WIDTH = 4096;
const MAX_DIM = 65536;

/** Smallest side that leaves 1×1 after the last stage: the ImageNet stem shrinks 32 times, the CIFAR stem 8 times. */
const SMALLEST_IMAGE = { imagenet: 32, cifar: 8 } as const;

function refuse(message: string): never {
  throw new MocoError('usage', message);
}

function count(name: string, value: number, least: number, most = MAX_COUNT): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    refuse(`${name} ${value} is out of range: give a whole number from ${least} to ${most}`);
  }
}

function oneOf(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) refuse(`unknown ${name} '${value}': choose one of ${known.join(', ')}`);
}

/**
 * Checks every setting, and the settings against each other and the number of training images.
 * @throws MocoError usage, naming the setting, its value and what to do
 */
export function validateConfig(
  config: UncheckedConfig,
  images?: number,
): asserts config is UncheckedConfig & PretrainConfig {
  if (!isImported(config.arch)) oneOf('arch', config.arch, [...ARCHITECTURES, 'FILE.onnx']);
  oneOf('stem', config.stem, STEMS);
  oneOf('schedule', config.schedule, SCHEDULES);
  count('width', config.width, 1, MAX_WIDTH);
  count('image size', config.imageSize, 1, MAX_IMAGE_SIZE);
  count('dim', config.dim, 1, MAX_DIM);
  count('batch size', config.batchSize, 1);
  count('groups', config.groups, 1);
  count('queue size', config.queueSize, 1);
  count('epochs', config.epochs, 1);
  if (config.steps !== null) count('steps', config.steps, 1);
  count('seed', config.seed, 0, Number.MAX_SAFE_INTEGER);
  checkRates(config);
  checkSizes(config, images);
}

function checkRates(config: UncheckedConfig): void {
  const { momentum, temperature, learningRate, weightDecay, sgdMomentum } = config;
  if (!(momentum >= 0 && momentum <= 1)) {
    refuse(`momentum ${momentum} is out of range: the momentum encoder needs a number from 0 to 1`);
  }
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    refuse(`temperature ${temperature} is out of range: give a finite number above 0, such as 0.2`);
  }
  for (const [name, value] of [
    ['learning rate', learningRate],
    ['weight decay', weightDecay],
  ] as const) {
    if (!(value >= 0 && Number.isFinite(value))) {
      refuse(`${name} ${value} is out of range: give a finite number, 0 or more`);
    }
  }
  if (!(sgdMomentum >= 0 && sgdMomentum < 1)) {
    refuse(`SGD momentum ${sgdMomentum} is out of range: give a number from 0 to below 1`);
  }
}

function checkSizes(config: UncheckedConfig, images: number | undefined): void {
  const { batchSize, groups, queueSize, imageSize } = config;
  if (batchSize > queueSize) {
    refuse(`queue size ${queueSize} is smaller than batch ${batchSize}: lower batchSize or raise queueSize`);
  }
  if (batchSize % groups !== 0) {
    refuse(`groups ${groups} do not divide batch ${batchSize}: ${nearestGroups(batchSize, groups)}`);
  }
  if (batchSize / groups < 2) {
    refuse(
      `batch ${batchSize} in ${groups} groups leaves 1 image a group, ` +
        'and BatchNorm needs 2 or more: lower groups or raise batchSize',
    );
  }
  if (!isImported(config.arch)) checkStem(config, imageSize);
  checkImages(batchSize, images);
}

function checkStem(config: UncheckedConfig, imageSize: number): void {
  const least = SMALLEST_IMAGE[config.stem === 'cifar' ? 'cifar' : 'imagenet'];
  if (imageSize < least) {
    const orElse = imageSize >= SMALLEST_IMAGE.cifar ? ', or choose the cifar stem' : '';
    refuse(
      `image size ${imageSize} is smaller than ${config.arch} with the ${config.stem} stem allows: ` +
        `raise imageSize to ${least} or more${orElse}`,
    );
  }
}

function checkImages(batchSize: number, images: number | undefined): void {
  if (images !== undefined && images < batchSize) {
    refuse(`${images} training images are fewer than batch ${batchSize}: lower batchSize or add images`);
  }
}

function nearestGroups(batchSize: number, groups: number): string {
  for (let fewer = Math.min(groups, batchSize); fewer >= 1; fewer--) {
    if (batchSize % fewer === 0 && batchSize / fewer >= 2) return `groups ${fewer} would`;
  }
  return 'choose a larger batchSize';
}
