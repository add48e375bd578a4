/**
 * The settings. From this table derive their types, the options of the command line and their help, the check of what
 * callers and checkpoints say, the shape of presets, what a resumed run may change, what an older checkpoint means, and
 * docs/settings.md (`npm run docs:settings`). A new setting is an entry here, and the code that uses it.
 *
 * The order is that of the command's help and of the files. Comments are what editors show and what docs/settings.md says.
 */
import type { Setting, Shorthand } from './setting.ts';

/** The preset of a run that names none. */
export const DEFAULT_PRESET = 'moco-v2';

export const SETTINGS = {
  /** Where the settings came from. The others say all that counts; this lets a resumed run refuse another. */
  preset: {
    kind: { type: 'word' },
    flag: { name: '--preset <name>', help: `recipe: {words} (default: ${DEFAULT_PRESET})` },
  },
  /** How the encoder learns. It comes with the preset. */
  method: {
    kind: { type: 'word' },
    preset: true,
    since: { format: 2, absent: 'moco' },
  },
  /** A built-in ResNet, or the name of the ONNX file that the encoder came from. */
  arch: {
    kind: { type: 'word', orFile: true },
    flag: { name: '--arch <name>', help: 'encoder: {words}' },
    preset: true,
  },
  /** The value that the projection head takes; left out, the one that was found. */
  feature: {
    kind: { type: 'text' },
    flag: {
      name: '--feature <name>',
      help: 'of FILE.onnx: the value that the projection head takes (default: found)',
    },
    only: { encoder: 'file' },
  },
  /** How tokens [batch, T, C] of an encoder become features: the first of them, or their mean. */
  pool: {
    kind: { type: 'word' },
    flag: { name: '--pool <how>', help: 'of FILE.onnx that gives tokens: {words} (of them)' },
    only: { encoder: 'file' },
    since: { format: 4 },
  },
  /** Initializers that stay as they are, by names or patterns (`*`, `?`), with commas; a BatchNorm's running mean: it keeps its statistics. */
  frozen: {
    kind: { type: 'text' },
    flag: {
      name: '--frozen <names>',
      help: 'of FILE.onnx: initializers that stay as they are, such as layer1.*,bn1.*',
    },
    only: { encoder: 'file' },
    since: { format: 4 },
  },
  /** Initializers that are trained whatever else is said of them, by names or patterns, with commas. */
  train: {
    kind: { type: 'text' },
    flag: {
      name: '--train <names>',
      help: 'of FILE.onnx: initializers that are trained, whatever --frozen or their names say',
    },
    only: { encoder: 'file' },
    since: { format: 4 },
  },
  /** The first layers: 3×3 without max-pool (cifar), or 7×7 of stride 2 with it. 'auto': cifar up to 64 px. */
  stem: {
    kind: { type: 'word', orAuto: true },
    flag: { name: '--stem <name>', help: '{words}; auto: cifar up to 64 px' },
    default: 'auto',
    only: { encoder: 'built-in' },
  },
  /** Channels of the first stage (64 in the papers); later stages have 2, 4 and 8 times as many. */
  width: {
    kind: { type: 'whole', least: 1, most: 4096 },
    flag: { name: '--width <n>', help: 'channels of the first stage' },
    preset: true,
    only: { encoder: 'built-in' },
  },
  /** Side of the square views in pixels. Left out, the preset's, but no larger than the data's own. */
  imageSize: {
    kind: { type: 'whole', least: 1, most: 4096 },
    flag: { name: '--image-size <n>', help: 'side of the views in pixels' },
    preset: true,
  },
  /** C: length of the embedding. Of methods that learn from labels it is the number of classes, and comes from the data. */
  dim: {
    kind: { type: 'whole', least: 1, most: 65536 },
    flag: { name: '--dim <n>', help: 'length of the embedding' },
    preset: true,
  },
  /** Two-layer MLP head (v2) or one linear layer (v1). */
  mlp: {
    kind: { type: 'yes-no' },
    flag: { name: '--mlp', help: 'two-layer MLP head', no: 'one linear layer as head' },
    preset: true,
  },
  /** How views are made of images. */
  augmentation: {
    kind: { type: 'word' },
    preset: true,
  },
  /** How pixels become numbers; left out, as the augmentation has it, or as an encoder that normalizes for itself wants it. */
  normalize: {
    kind: { type: 'word' },
    flag: {
      name: '--normalize <name>',
      help: "{words}; half: −1 … 1, none: 0 … 1, bytes: 0 … 255 (default: the preset's)",
    },
    since: { format: 4 },
  },
  /** Mean of red, green and blue in 0 … 1, with commas; comes with std, in the place of normalize. */
  mean: {
    kind: { type: 'text' },
    flag: { name: '--mean <r,g,b>', help: 'mean of the images in 0 … 1, with --std' },
    since: { format: 4 },
  },
  /** Standard deviation of red, green and blue in 0 … 1, with commas. */
  std: {
    kind: { type: 'text' },
    flag: { name: '--std <r,g,b>', help: 'standard deviation of the images in 0 … 1, with --mean' },
    since: { format: 4 },
  },
  /** Images a step, over all groups. */
  batchSize: {
    kind: { type: 'whole', least: 1 },
    flag: { name: '--batch-size <n>', help: 'images a step' },
    preset: true,
  },
  /** How many parts of a batch have BatchNorm statistics of their own. */
  groups: {
    kind: { type: 'whole', least: 1 },
    flag: { name: '--groups <n>', help: 'parts of a batch with BatchNorm statistics of their own' },
    preset: true,
  },
  /** K: how many keys the queue holds; need not be a multiple of the batch. */
  queueSize: {
    kind: { type: 'whole', least: 1 },
    flag: { name: '--queue <n>', help: 'keys in the queue (K)' },
    preset: true,
    only: { method: ['moco'] },
  },
  /** m of the momentum encoder: θk ← m·θk + (1−m)·θq. */
  momentum: {
    kind: { type: 'number', least: 0, most: 1 },
    flag: { name: '--momentum <m>', help: 'momentum of the key encoder' },
    preset: true,
    only: { method: ['moco'] },
  },
  /** τ: logits are cosine similarities over τ. */
  temperature: {
    kind: { type: 'number', above: 0, such: 0.2 },
    flag: { name: '--temperature <t>', help: 'temperature of the loss' },
    preset: true,
    only: { method: ['moco', 'simclr'] },
  },
  /** Each view is the query once, against the same queue, and both losses are summed; both views' keys are enqueued. */
  symmetric: {
    kind: { type: 'yes-no' },
    flag: { name: '--symmetric', help: 'each view is the query once', no: 'the first view is the query' },
    default: false,
    only: { method: ['moco'] },
    since: { format: 3, absent: false },
  },
  /** ShuffleBN: keys are encoded in other groups than their queries. */
  shuffle: {
    kind: { type: 'yes-no' },
    flag: {
      name: '--shuffle',
      help: 'ShuffleBN: keys are encoded in other groups than their queries (the default)',
      no: 'keys are encoded in the groups of their queries',
    },
    default: true,
    only: { method: ['moco'] },
    since: { format: 3, absent: true },
  },
  /** Forward twice, so that the activations of one group are enough; without, those of all groups are kept. Same results. */
  gradientCache: {
    kind: { type: 'yes-no' },
    flag: {
      name: '--gradient-cache',
      help: 'keep the activations of one group at a time (the default)',
      no: 'keep the activations of all groups: faster, in as many times the memory',
    },
    default: true,
    only: { method: ['simclr'] },
    since: { format: 3, absent: true },
  },
  /** What makes steps out of gradients. Learning rate and weight decay of a preset are for its own: another one needs its own. */
  optimizer: {
    kind: { type: 'word' },
    flag: {
      name: '--optimizer <name>',
      help: "{words}; another than the preset's needs its own --lr and --weight-decay",
    },
    preset: true,
    since: { format: 2, absent: 'sgd' },
  },
  /** What becomes of the learning rate after the warm-up: from epoch to epoch, or, `cosine-by-step`, from step to step. */
  schedule: {
    kind: { type: 'word' },
    flag: { name: '--schedule <name>', help: '{words}' },
    preset: true,
  },
  /**
   * Over so many epochs the learning rate rises from 0, step by step, before the schedule takes over. May be part of an epoch.
   * `cosine-by-step` begins where the warm-up ends; the other schedules are at each epoch what they are without it.
   */
  warmup: {
    kind: { type: 'number', least: 0 },
    flag: {
      name: '--warmup <epochs>',
      help: 'epochs over which the learning rate rises from 0; 0.5 is half of one',
    },
    said: 'warm-up',
    preset: true,
    since: { format: 3, absent: 0 },
  },
  /** Learning rate of epoch 0, or that to which it warms up. Left out, the preset's, scaled linearly from the preset's batch to the run's; given, it is not scaled. */
  learningRate: {
    kind: { type: 'number', least: 0 },
    flag: {
      name: '--lr <x>',
      help: "learning rate as given (default: the preset's, scaled to the batch)",
    },
    preset: true,
  },
  /** sgd, lars: this times the parameter is added to its gradient. adamw: this times the learning rate is taken off the parameter. */
  weightDecay: {
    kind: { type: 'number', least: 0 },
    flag: { name: '--weight-decay <x>', help: 'weight decay' },
    preset: true,
  },
  /** How much of the step before goes into a step. */
  sgdMomentum: {
    kind: { type: 'number', least: 0, below: 1 },
    said: 'SGD momentum',
    preset: true,
    // Of presets whose optimizer has none.
    default: 0.9,
    only: { optimizer: ['sgd', 'lars'] },
  },
  /** Length of the step of a tensor, relative to the tensor's own, before the learning rate. */
  trust: {
    kind: { type: 'number', above: 0, such: 0.001 },
    flag: { name: '--trust <x>', help: 'lars: length of a step relative to its tensor (default: {default})' },
    default: 0.001,
    only: { optimizer: ['lars'] },
  },
  /** The momentum is that of steps, learning rate included, as SimCLR has it; or else of gradients, as moco-v3 has it. */
  rateInMomentum: {
    kind: { type: 'yes-no' },
    flag: {
      name: '--rate-in-momentum',
      help: 'lars: momentum of steps, as in SimCLR (default)',
      no: 'lars: momentum of gradients, as in moco-v3',
    },
    default: true,
    only: { optimizer: ['lars'] },
  },
  /** β₁: how much of the mean of gradients stays from step to step. */
  beta1: {
    kind: { type: 'number', least: 0, below: 1 },
    flag: { name: '--beta1 <x>', help: 'adamw: decay of the mean of gradients (default: {default})' },
    default: 0.9,
    only: { optimizer: ['adamw'] },
  },
  /** β₂: the same of their squares. */
  beta2: {
    kind: { type: 'number', least: 0, below: 1 },
    flag: { name: '--beta2 <x>', help: 'adamw: decay of the mean of their squares (default: {default})' },
    default: 0.999,
    only: { optimizer: ['adamw'] },
  },
  /** ε: is added to the root of the mean of squares. */
  epsilon: {
    kind: { type: 'number', least: 1e-30 },
    flag: { name: '--epsilon <x>', help: 'adamw: is added to the root of that mean (default: {default})' },
    default: 1e-8,
    only: { optimizer: ['adamw'] },
  },
  /** Passes over the images. Left out beside `steps`, as many as these take. More of them stretch the cosine schedule. */
  epochs: {
    kind: { type: 'whole', least: 1 },
    flag: { name: '--epochs <n>', help: 'passes over the images', shapes: 'run' },
    preset: true,
    resume: 'grows',
  },
  /** Ends the run early, counted over the whole run; null: after `epochs`. */
  steps: {
    kind: { type: 'whole', least: 1, orNull: true },
    flag: { name: '--steps <n>', help: 'steps in all; alone it also fixes the epochs', shapes: 'run' },
    default: null,
    resume: 'grows',
  },
  /** Seed of all random numbers: weights, queue, order of the images, augmentation. */
  seed: {
    kind: { type: 'whole', least: 0, most: Number.MAX_SAFE_INTEGER },
    flag: { name: '--seed <n>', help: 'seed of all random numbers (default: {default})' },
    default: 0,
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Other ways to say a setting. */
export const SHORTHANDS = {
  /** true: the augmentation of v2; false: the one that it would be otherwise, or v1's in the place of v2's. */
  augPlus: {
    of: 'augmentation',
    flag: { name: '--aug-plus', help: 'augmentation of MoCo v2', no: 'augmentation of MoCo v1' },
    means: (on: boolean, otherwise: string): string => {
      if (on) return 'v2';
      return otherwise === 'v2' ? 'v1' : otherwise;
    },
  },
} as const satisfies Readonly<Record<string, Shorthand>>;
