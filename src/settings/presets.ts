/** The recipes of the papers. */
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

/** Sources: arXiv:1911.05722 (v1), arXiv:2003.04297 (v2), the CIFAR-10 notebook of facebookresearch/moco (cifar). */
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
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
