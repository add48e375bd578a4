/** From a preset and what overrides it to the settings of a run. */
import {
  expectArgument,
  type Forms,
  hint,
  listOf,
  made,
  oneOf,
  optional,
  shown,
  text,
  whole,
} from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { isOfKind } from './kinds.ts';
import { belongs, type Owners, whyNotGiven } from './owners.ts';
import { PRESETS, type PresetName } from './presets.ts';
import { stepsPerEpoch } from './run-length.ts';
import {
  type ConfigOverrides,
  type DataFacts,
  type Known,
  type Preset,
  SETTING_LIST,
  type SettingName,
  type Settings,
  SHORTHAND_LIST,
} from './settings.ts';
import { SETTINGS, SHORTHANDS } from './table.ts';
import { outOfRange, unknownWord, validateSettings } from './validate.ts';

export type { DataFacts };

/** What is looked at of the description of a data set. */
export interface DescribedData {
  readonly trainLength: number;
  readonly imageSize: number | null;
  readonly classes: readonly string[];
}
const DESCRIBED = made<DescribedData>('what describeDataset, describeFiles or describeDrawn gave', {
  trainLength: whole(0),
  classes: listOf(text(), 'names'),
});

/** What a described data set says about the configuration: the third argument of `resolveConfig`. */
export function factsOf(data: DescribedData): DataFacts {
  expectArgument('factsOf', 'data', data, DESCRIBED);
  return {
    images: data.trainLength,
    classes: data.classes.length,
    ...(data.imageSize === null ? {} : { imageSizeOfData: data.imageSize }),
  };
}

/** Of minutes, preset photos says the range. */
export const DATA_FACTS: Forms<DataFacts> = {
  images: optional(whole(0)),
  imageSizeOfData: optional(whole(1)),
  imageSizeOfModel: optional(whole(1)),
  classes: optional(whole(0)),
  minutes: optional({ give: 'a number above 0', is: (value) => typeof value === 'number' }),
  backend: optional(oneOf(['wasm', 'native', 'webgpu'])),
  processors: optional(whole(1)),
  decodeSeconds: optional({
    give: 'a finite number from 0 on',
    is: (value) => Number.isFinite(value) && (value as number) >= 0,
  }),
};

/** Largest side in pixels for which `stem: auto` is the 3×3 stem without max-pool. */
const LARGEST_CIFAR_STEM = 64;

/** What a caller may say. */
const NAMES: readonly string[] = [...SETTING_LIST, ...SHORTHAND_LIST].map(([name]) => name);

/** See `resolveConfig` of train/configure.ts. */
export function resolveSettings(
  preset: string,
  overrides: ConfigOverrides,
  data: DataFacts,
  known: Known,
): Settings {
  if (typeof preset !== 'string') throw new MocoError('usage', outOfRange('preset', preset));
  const unknown = unknownWord('preset', preset, known.words);
  if (unknown) throw new MocoError('usage', unknown);
  requireValues(overrides);
  const { rateScales = 'linearly', cut, ...recipe }: Preset = PRESETS[preset as PresetName];
  const base = { ...recipe, ...cut?.(recipe, overrides, data) };
  const batchSize = overrides.batchSize ?? base.batchSize;
  const imageSize =
    overrides.imageSize ??
    data.imageSizeOfModel ??
    Math.min(base.imageSize, data.imageSizeOfData ?? Number.POSITIVE_INFINITY);
  const learnsLabels = known.labelMethods.includes(overrides.method ?? base.method);
  const own = {
    ...defaults(),
    ...base,
    imageSize,
    // Of one class there is nothing to tell: whoever trains says so.
    dim: learnsLabels && data.classes ? data.classes : base.dim,
    learningRate:
      rateScales === 'by-root'
        ? base.learningRate * Math.sqrt(batchSize / recipe.batchSize)
        : (base.learningRate * batchSize) / recipe.batchSize,
  };
  const given = inFull(overrides, own);
  const values = {
    ...own,
    ...{ stem: chooseStem('auto', imageSize) },
    ...epochsOf(overrides.steps, data.images, batchSize),
    ...given,
    preset,
  };
  checkGiven(given, values, data);
  // In the order of the table, without what belongs to other methods and optimizers.
  const settings: unknown = Object.fromEntries(
    SETTING_LIST.filter(([name]) => belongs(name, values))
      .map(([name]) => [name, (values as Partial<Record<SettingName, unknown>>)[name]] as const)
      .filter(([, value]) => value !== undefined),
  );
  validateSettings(settings, known, data.images);
  return settings;
}

/** How many epochs so many steps take. Nothing of numbers that cannot be: the check of all settings tells of them. */
function epochsOf(steps: number | undefined, images: number | undefined, batchSize: number) {
  if (!Number.isInteger(steps) || steps! < 1 || images === undefined) return {};
  const perEpoch = stepsPerEpoch(images, batchSize);
  return perEpoch >= 1 ? { epochs: Math.ceil(steps! / perEpoch) } : {};
}

function defaults(): Partial<Settings> {
  const all = SETTING_LIST.filter(([, setting]) => setting.default !== undefined);
  return Object.fromEntries(all.map(([name, setting]) => [name, setting.default]));
}

/**
 * What was given, by the names of settings alone: without shorthands and 'auto', and without what was given as undefined.
 * @param otherwise what the settings would be
 * @throws MocoError usage for a name that there is not
 */
export function inFull(
  given: ConfigOverrides & { preset?: string },
  otherwise: Readonly<Record<string, unknown>> & { readonly imageSize: number },
): Partial<Settings> {
  requireValues(given);
  const full: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) if (value !== undefined) full[name] = value;
  for (const [name, { of, means }] of SHORTHAND_LIST) {
    if (full[name] === undefined) continue;
    full[of] = means(full[name] === true, String(full[of] ?? otherwise[of]));
    delete full[name];
  }
  if (full.stem !== undefined) full.stem = chooseStem(String(full.stem), otherwise.imageSize);
  return full;
}

/** Names that there are, and values of their kinds: before anything is concluded from them. @throws MocoError usage */
function requireValues(given: unknown): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new MocoError('usage', 'what overrides a preset is no object of settings');
  }
  for (const [name, value] of Object.entries(given)) {
    if (!NAMES.includes(name)) {
      throw new MocoError(
        'usage',
        `there is no setting ${shown(name)}${hint(name, NAMES)}: the settings are ${NAMES.join(', ')}`,
      );
    }
    if (value === undefined) continue;
    if (Object.hasOwn(SHORTHANDS, name)) {
      if (typeof value === 'boolean') continue;
      throw new MocoError('usage', `${name} ${shown(value)}: give true or false`);
    }
    const setting = name as SettingName;
    if (!isOfKind(SETTINGS[setting].kind, value)) throw new MocoError('usage', outOfRange(setting, value));
  }
}

/** Settings that this encoder, method or optimizer does not have. */
function checkGiven(
  given: Partial<Settings>,
  values: Owners & { readonly arch: string },
  { imageSizeOfModel }: DataFacts,
): void {
  for (const name of Object.keys(given) as SettingName[]) {
    const why = whyNotGiven(name, values);
    if (why) throw new MocoError('usage', why);
  }
  const { imageSize } = given;
  if (imageSizeOfModel !== undefined && imageSize !== undefined && imageSize !== imageSizeOfModel) {
    throw new MocoError(
      'usage',
      `image size ${imageSize} does not fit ${values.arch}, which was exported for ${imageSizeOfModel} px: ` +
        'leave imageSize out, or export the model with a dynamic height and width',
    );
  }
}

/** The stem that a word asks for; 'auto': the 3×3 stem without max-pool up to 64 px, else the ImageNet stem. */
function chooseStem(stem: string, imageSize: number): string {
  if (stem !== 'auto') return stem;
  return imageSize <= LARGEST_CIFAR_STEM ? 'cifar' : 'imagenet';
}
