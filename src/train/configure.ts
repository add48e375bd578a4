/**
 * Configurations in words that are known here: the table of settings (settings/table.ts) with the names of the registries.
 */
import { expectArgument, options, record, text, whole } from '../arguments.ts';
import { NORMALIZATION_NAMES } from '../data/augment/normalizations.ts';
import { AUGMENTATIONS } from '../data/augment/recipes.ts';
import { learnsFromLabels, METHOD_NAMES } from '../methods/names.ts';
import { ARCHITECTURES, SMALLEST_IMAGE, STEMS } from '../onnx/architectures.ts';
import { POOLS } from '../onnx/pools.ts';
import { OPTIMIZER_NAMES, SCHEDULES } from '../optimizers/names.ts';
import { PRESET_NAMES } from '../settings/presets.ts';
import { DATA_FACTS, type DataFacts, resolveSettings } from '../settings/resolve.ts';
import { mergeResumedSettings } from '../settings/resume.ts';
import type {
  ConfigOverrides,
  Configuration,
  Known,
  ResumeOptions,
  Settings,
  Words,
} from '../settings/settings.ts';
import { CONFIGURATION, validateSettings } from '../settings/validate.ts';

/** What words the settings may take. */
export const WORDS = {
  preset: PRESET_NAMES,
  method: METHOD_NAMES,
  arch: ARCHITECTURES,
  stem: STEMS,
  augmentation: AUGMENTATIONS,
  normalize: NORMALIZATION_NAMES,
  pool: POOLS,
  optimizer: OPTIMIZER_NAMES,
  schedule: SCHEDULES,
} as const satisfies Words;

/** What settings are checked against. */
export const KNOWN: Known = {
  words: WORDS,
  labelMethods: METHOD_NAMES.filter(learnsFromLabels),
  smallestImage: SMALLEST_IMAGE,
};

/** Everything that determines the numbers of a run; saved in its checkpoints. docs/settings.md tells of each setting. */
export type PretrainConfig = Configuration<typeof WORDS>;

/**
 * A complete, checked configuration from a preset (a name of PRESET_NAMES) and what overrides it. The preset's learning
 * rate scales linearly from the preset's own batch size; `steps` without `epochs` fixes epochs = ceil(steps / steps per
 * epoch).
 * @throws MocoError usage naming the first setting that cannot be
 */
export function resolveConfig(
  preset: string,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): PretrainConfig {
  expectArgument(
    'resolveConfig',
    'preset',
    preset,
    text(`a name of PRESET_NAMES: ${PRESET_NAMES.join(', ')}`),
  );
  expectArgument('resolveConfig', 'overrides', overrides, record);
  expectArgument('resolveConfig', 'data', data, options(DATA_FACTS));
  return resolveSettings(preset, overrides, data, KNOWN) as PretrainConfig;
}

/**
 * The configuration of a resumed run. The saved one wins: options may restate it, and `epochs` and `steps` may extend
 * it (more epochs stretch the cosine schedule from here on). `steps` beyond the saved epochs extends the epochs too.
 * @param images how many training images there are
 * @throws MocoError config-mismatch when an option would change the run, usage when it is not valid at all
 */
export function mergeResumedConfig(saved: Settings, given: ResumeOptions, images: number): PretrainConfig {
  expectArgument('mergeResumedConfig', 'saved', saved, CONFIGURATION);
  expectArgument('mergeResumedConfig', 'given', given, record);
  expectArgument('mergeResumedConfig', 'images', images, whole(1));
  return mergeResumedSettings(saved, given, images, KNOWN) as PretrainConfig;
}

/**
 * Checks every setting, and the settings against each other and the number of training images.
 * @throws MocoError usage, naming the setting, its value and what to do
 */
export function validateConfig(config: Settings, images?: number): asserts config is PretrainConfig {
  validateSettings(config, KNOWN, images);
}
