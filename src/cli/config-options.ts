/** The options that shape a run, shared by `pretrain` and `bench`. */
import type { Command } from 'commander';
import type { ConfigOverrides } from '../settings/config.ts';
import { PRESET_NAMES } from '../settings/presets.ts';
import { ARCHITECTURES, SCHEDULES, STEMS } from '../settings/validate.ts';
import { parseNumber, wholeNumber } from './options.ts';

/** What commander makes of the options below; absent where not given. */
export interface ConfigOptions {
  preset?: string;
  arch?: string;
  feature?: string;
  stem?: string;
  width?: number;
  imageSize?: number;
  batchSize?: number;
  groups?: number;
  dim?: number;
  queue?: number;
  momentum?: number;
  temperature?: number;
  mlp?: boolean;
  augPlus?: boolean;
  schedule?: string;
  lr?: number;
  weightDecay?: number;
  seed?: number;
}

/** The preset of a run that names none. */
export const DEFAULT_PRESET = 'moco-v2';

export function addConfigOptions(command: Command): Command {
  const words = (list: readonly string[]) => list.join(' | ');
  return command
    .option('--preset <name>', `recipe: ${words(PRESET_NAMES)} (default: ${DEFAULT_PRESET})`)
    .option('--arch <name>', `encoder: ${words(ARCHITECTURES)} | FILE.onnx`)
    .option('--feature <name>', 'of FILE.onnx: the value that the projection head takes (default: found)')
    .option('--stem <name>', `auto | ${words(STEMS)}; auto: cifar up to 64 px`)
    .option('--width <n>', 'channels of the first stage', wholeNumber(1))
    .option('--image-size <n>', 'side of the views in pixels', wholeNumber(1))
    .option('--batch-size <n>', 'images a step', wholeNumber(1))
    .option('--groups <n>', 'parts of a batch with BatchNorm statistics of their own', wholeNumber(1))
    .option('--dim <n>', 'length of the embedding', wholeNumber(1))
    .option('--queue <n>', 'keys in the queue (K)', wholeNumber(1))
    .option('--momentum <m>', 'momentum of the key encoder', parseNumber)
    .option('--temperature <t>', 'temperature of the loss', parseNumber)
    .option('--mlp', 'two-layer MLP head')
    .option('--no-mlp', 'one linear layer as head')
    .option('--aug-plus', 'augmentation of MoCo v2')
    .option('--no-aug-plus', 'augmentation of MoCo v1')
    .option('--schedule <name>', words(SCHEDULES))
    .option('--lr <x>', "learning rate as given (default: the preset's, scaled to the batch)", parseNumber)
    .option('--weight-decay <x>', 'weight decay', parseNumber)
    .option('--seed <n>', 'seed of all random numbers (default: 0)', wholeNumber(0));
}

/** Options as overrides of a preset: only what was given. */
export function overridesOf(options: ConfigOptions): ConfigOverrides {
  const { preset: _preset, queue, lr, ...same } = options;
  const known = [
    ...[
      'arch',
      'feature',
      'stem',
      'width',
      'imageSize',
      'batchSize',
      'groups',
      'dim',
      'momentum',
      'temperature',
    ],
    ...['mlp', 'augPlus', 'schedule', 'weightDecay', 'seed', 'epochs', 'steps'],
  ];
  const given = Object.entries(same).filter(([name, value]) => known.includes(name) && value !== undefined);
  return {
    ...Object.fromEntries(given),
    ...(queue === undefined ? {} : { queueSize: queue }),
    ...(lr === undefined ? {} : { learningRate: lr }),
  };
}
