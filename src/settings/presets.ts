/** The recipes of the papers. */
import { cutToPhotos } from './photos.ts';
import type { Preset } from './settings.ts';

const V1 = {
  method: 'moco',
  arch: 'resnet50',
  width: 64,
  imageSize: 224,
  dim: 128,
  mlp: false,
  augmentation: 'v1',
  batchSize: 256,
  groups: 8,
  queueSize: 65536,
  momentum: 0.999,
  temperature: 0.07,
  optimizer: 'sgd',
  schedule: 'step',
  warmup: 0,
  learningRate: 0.03,
  weightDecay: 1e-4,
  sgdMomentum: 0.9,
  epochs: 200,
} as const satisfies Preset;

const { queueSize: _queue, momentum: _momentum, temperature: _temperature, ...COMMON } = V1;

/** arXiv:2002.05709, 2.2 and appendix B.6. Groups are MoCo's: its own BatchNorm over the whole batch is `groups: 1`. */
const SIMCLR = {
  ...COMMON,
  method: 'simclr',
  mlp: true,
  augmentation: 'simclr',
  temperature: 0.1,
  optimizer: 'lars',
  schedule: 'cosine-by-step',
  learningRate: 0.3,
  weightDecay: 1e-6,
  warmup: 10,
} as const satisfies Preset;

/**
 * Sources: arXiv:1911.05722 (v1), arXiv:2003.04297 (v2), the CIFAR-10 notebook of facebookresearch/moco (cifar),
 * photos (photos.ts), ours after v2; arXiv:2002.05709 (simclr; simclr-cifar: appendix B.9), the ImageNet example of PyTorch (supervised).
 */
export const PRESETS = {
  'moco-v1': V1,
  'moco-v2': { ...V1, mlp: true, augmentation: 'v2', temperature: 0.2, schedule: 'cosine' },
  'moco-cifar': {
    ...V1,
    arch: 'resnet18',
    imageSize: 32,
    augmentation: 'cifar',
    batchSize: 512,
    queueSize: 4096,
    momentum: 0.99,
    temperature: 0.1,
    schedule: 'cosine',
    learningRate: 0.06,
    weightDecay: 5e-4,
  },
  // For runs of a thousand steps or so: momentum and weight decay of `moco-cifar`, and four times the learning rate of v2. Of 1, 4
  // and 8 times it had the lowest loss after 15 epochs on 1,000 CIFAR images (5.79, 5.52, 5.61; kNN 23.5, 25.5, 24.0 %, ± 3).
  photos: {
    ...V1,
    arch: 'resnet18',
    width: 16,
    imageSize: 64,
    mlp: true,
    augmentation: 'v2',
    batchSize: 128,
    queueSize: 4096,
    momentum: 0.99,
    temperature: 0.2,
    schedule: 'cosine',
    learningRate: 0.06,
    weightDecay: 5e-4,
    cut: cutToPhotos,
  },
  simclr: SIMCLR,
  'simclr-cifar': {
    ...SIMCLR,
    arch: 'resnet18',
    imageSize: 32,
    augmentation: 'simclr-cifar',
    batchSize: 512,
    temperature: 0.5,
    // 0.075·√batch
    learningRate: 0.075 * 2 ** 4.5,
    rateScales: 'by-root',
  },
  supervised: {
    ...COMMON,
    method: 'supervised',
    dim: 1000,
    augmentation: 'supervised',
    schedule: 'thirds',
    learningRate: 0.1,
    epochs: 90,
  },
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
