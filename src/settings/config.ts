import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.ts';
import { validateConfig } from './validate.ts';

export type BuiltInArchitecture = 'resnet18' | 'resnet34' | 'resnet50';
export type Architecture = BuiltInArchitecture | `${string}.onnx`;

/** Whether the encoder comes from a file. */
export function isImported(arch: string): arch is `${string}.onnx` {
  return arch.endsWith('.onnx');
}

/** Everything that determines the numbers of a run; saved in its checkpoints. */
export interface PretrainConfig {
  /** Where the settings came from. The other fields say all that counts; this lets a resumed run refuse another. */
  preset?: PresetName;
  /** A built-in ResNet, or the name of the ONNX file that the encoder came from. */
  arch: Architecture;
  /** Of an imported encoder: the value that the projection head takes; left out, the one that was found. */
  feature?: string;
  /** Of a built-in ResNet. */
  stem: 'imagenet' | 'cifar';
  /** Channels of the first stage of a built-in ResNet (64 in the papers). */
  width: number;
  /** Side of the square views in pixels: 8 … 4096 with the cifar stem, 32 … 4096 with the imagenet stem. */
  imageSize: number;
  /** C: length of the embedding. */
  dim: number;
  /** Two-layer MLP head (v2) or one linear layer (v1). */
  mlp: boolean;
  augmentation: 'v1' | 'v2' | 'cifar';
  /** Images a step, over all groups. */
  batchSize: number;
  /** How many parts of a batch have BatchNorm statistics of their own. Divides batchSize, leaving 2 images or more in each. */
  groups: number;
  /** K: how many keys the queue holds; at least batchSize, need not be a multiple of it. */
  queueSize: number;
  /** m of the momentum encoder, 0 … 1: θk ← m·θk + (1−m)·θq. */
  momentum: number;
  /** τ > 0: logits are cosine similarities over τ. */
  temperature: number;
  schedule: 'cosine' | 'step';
  /** Learning rate of epoch 0, already scaled to the batch size. */
  learningRate: number;
  weightDecay: number;
  sgdMomentum: number;
  epochs: number;
  /** Ends the run early, counted over the whole run; null: after `epochs`. */
  steps: number | null;
  /** Of all random numbers: weights, queue, order of the images, augmentation. A safe integer ≥ 0. */
  seed: number;
}

/** What a caller may ask for; everything left out comes from the preset. */
export interface ConfigOverrides {
  arch?: string;
  feature?: string;
  /** 'auto': cifar up to 64 px, else imagenet. */
  stem?: string;
  width?: number;
  imageSize?: number;
  dim?: number;
  mlp?: boolean;
  /** true: the augmentation of v2; false: the preset's own, or v1's where the preset has v2's. */
  augPlus?: boolean;
  batchSize?: number;
  groups?: number;
  queueSize?: number;
  momentum?: number;
  temperature?: number;
  schedule?: string;
  /** Used as given, not scaled. */
  learningRate?: number;
  weightDecay?: number;
  epochs?: number;
  steps?: number;
  seed?: number;
}

/** What the data says about itself, where it is known. */
export interface DataFacts {
  /** How many training images there are. */
  images?: number;
  /** Side in pixels, where all images have the same: views are not enlarged beyond it unless asked for. */
  imageSizeOfData?: number;
  /** Side in pixels that an imported encoder takes, where it takes one alone. */
  imageSizeOfModel?: number;
}

/** What a described data set says about the configuration: the third argument of `resolveConfig`. */
export function factsOf(data: DatasetDescription): DataFacts {
  return {
    images: data.trainLength,
    ...(data.imageSize === null ? {} : { imageSizeOfData: data.imageSize }),
  };
}

/** Largest side in pixels for which `stem: auto` is the 3×3 stem without max-pool. */
const LARGEST_CIFAR_STEM = 64;

/** Whole steps of an epoch: the last incomplete batch is dropped. */
export function stepsPerEpoch(images: number, batchSize: number): number {
  return Math.floor(images / batchSize);
}

/** How many steps a run takes in all, given the steps of an epoch. */
export function totalSteps(config: PretrainConfig, perEpoch: number): number {
  return Math.min(config.steps ?? Number.POSITIVE_INFINITY, config.epochs * perEpoch);
}

/** @throws MocoError usage when there is no preset of that name */
export function presetName(name: string): PresetName {
  const found = PRESET_NAMES.find((preset) => preset === name);
  if (found) return found;
  throw new MocoError('usage', `unknown preset '${name}': choose one of ${PRESET_NAMES.join(', ')}`);
}

/**
 * A complete, checked configuration from a preset (a name of PRESET_NAMES) and what overrides it. The preset's learning rate scales linearly
 * from the preset's own batch size; `steps` without `epochs` fixes epochs = ceil(steps / steps per epoch).
 * @throws MocoError usage naming the first setting that cannot be
 */
export function resolveConfig(
  preset: string,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): PretrainConfig {
  const name = presetName(preset);
  const base = PRESETS[name];
  const imageSize =
    overrides.imageSize ??
    data.imageSizeOfModel ??
    Math.min(base.imageSize, data.imageSizeOfData ?? Number.POSITIVE_INFINITY);
  const batchSize = overrides.batchSize ?? base.batchSize;
  const steps = overrides.steps ?? null;
  const config = {
    preset: name,
    arch: overrides.arch ?? base.arch,
    ...(overrides.feature === undefined ? {} : { feature: overrides.feature }),
    stem: chooseStem(overrides.stem ?? 'auto', imageSize),
    width: overrides.width ?? base.width,
    imageSize,
    dim: overrides.dim ?? base.dim,
    mlp: overrides.mlp ?? base.mlp,
    augmentation: chooseAugmentation(base.augmentation, overrides.augPlus),
    batchSize,
    groups: overrides.groups ?? base.groups,
    queueSize: overrides.queueSize ?? base.queueSize,
    momentum: overrides.momentum ?? base.momentum,
    temperature: overrides.temperature ?? base.temperature,
    schedule: overrides.schedule ?? base.schedule,
    learningRate: overrides.learningRate ?? (base.learningRate * batchSize) / base.batchSize,
    weightDecay: overrides.weightDecay ?? base.weightDecay,
    sgdMomentum: base.sgdMomentum,
    epochs: overrides.epochs ?? base.epochs,
    steps,
    seed: overrides.seed ?? 0,
  };
  checkImported(config.arch, overrides, data);
  validateConfig(config, data.images);
  if (config.steps !== null && overrides.epochs === undefined && data.images !== undefined) {
    config.epochs = Math.ceil(config.steps / stepsPerEpoch(data.images, batchSize));
  }
  return config;
}

/** Settings that only built-in, or only imported, encoders have. */
function checkImported(arch: string, overrides: ConfigOverrides, { imageSizeOfModel }: DataFacts): void {
  const other = isImported(arch) ? (['width', 'stem'] as const) : (['feature'] as const);
  const given = other.find((name) => overrides[name] !== undefined);
  if (given) {
    const owner = isImported(arch) ? 'the built-in ResNets' : 'encoders from an ONNX file';
    throw new MocoError('usage', `${given} belongs to ${owner}, not to ${arch}: leave it out`);
  }
  if (imageSizeOfModel !== undefined && (overrides.imageSize ?? imageSizeOfModel) !== imageSizeOfModel) {
    throw new MocoError(
      'usage',
      `image size ${overrides.imageSize} does not fit ${arch}, which was exported for ${imageSizeOfModel} px: ` +
        'leave imageSize out, or export the model with a dynamic height and width',
    );
  }
}

/** The stem that a word asks for; 'auto': the 3×3 stem without max-pool up to 64 px, else the ImageNet stem. */
export function chooseStem(stem: string, imageSize: number): string {
  if (stem !== 'auto') return stem;
  return imageSize <= LARGEST_CIFAR_STEM ? 'cifar' : 'imagenet';
}

function chooseAugmentation(
  preset: PretrainConfig['augmentation'],
  augPlus: boolean | undefined,
): PretrainConfig['augmentation'] {
  if (augPlus === undefined) return preset;
  if (augPlus) return 'v2';
  return preset === 'v2' ? 'v1' : preset;
}
