/** The types of settings, from the table. */
import type { KindValue, WordKind } from './kinds.ts';
import type { Setting, Shorthand } from './setting.ts';
import { SETTINGS, SHORTHANDS } from './table.ts';

type Table = typeof SETTINGS;

export type SettingName = keyof Table;

/** The values of entries; optional and documented as they are. */
type Values<Entries> = {
  -readonly [N in keyof Entries]: Entries[N] extends { readonly kind: infer K } ? KindValue<K> : never;
};

/** Settings that are in a configuration whoever has it, and those that only some methods or optimizers have. */
type Owned = { [N in SettingName]: Table[N] extends OwnedEntry ? N : never }[SettingName];
type OwnedEntry = { readonly only: { readonly method: unknown } | { readonly optimizer: unknown } };
type Given = {
  [N in SettingName]: Table[N] extends { readonly preset: true } | { readonly default: unknown } ? never : N;
}[SettingName];
type Common = Values<Omit<Table, Owned | Given>> & Partial<Values<Pick<Table, Given>>>;

/**
 * Everything that determines the numbers of a run; saved in its checkpoints. Words are any strings here: whoever looks one
 * up refuses an unknown one. Of settings that only some methods or optimizers have, those of its own are there.
 */
export type Settings = Common & Partial<Values<Pick<Table, Owned>>>;

/** What a caller may ask for; everything left out comes from the preset. */
export type ConfigOverrides = {
  [N in keyof Omit<Table, 'preset'>]?: Exclude<KindValue<Table[N]['kind']>, null>;
} & { -readonly [N in keyof typeof SHORTHANDS]?: boolean };

/** What a resumed run was given on top of its checkpoint. */
export type ResumeOptions = ConfigOverrides & { preset?: string };

type InPreset = { [N in SettingName]: Table[N] extends { readonly preset: true } ? N : never }[SettingName];

/**
 * A recipe of a paper. What it says of settings that have a default takes the default's place. `learningRate` belongs to
 * `batchSize` and scales with the batch that a run uses, linearly where `rateScales` does not say otherwise.
 */
export type Preset = Values<Pick<Table, Exclude<InPreset, Owned>>> &
  Partial<Values<Pick<Table, Extract<InPreset, Owned> | Defaulted>>> & {
    readonly rateScales?: 'linearly' | 'by-root';
    /** What else the data decides, beside what callers do. */
    readonly cut?: (preset: Preset, given: ConfigOverrides, data: DataFacts) => Partial<Preset>;
  };
type Defaulted = {
  [N in SettingName]: Table[N] extends { readonly default: unknown } ? N : never;
}[SettingName];

/** What the data says about itself, where it is known; and for preset `photos` what it is computed with. */
export interface DataFacts {
  /** How many training images there are. */
  images?: number;
  /** Side in pixels, where all images have the same: views are not enlarged beyond it unless asked for. */
  imageSizeOfData?: number;
  /** Side in pixels that an imported encoder takes, where it takes one alone. */
  imageSizeOfModel?: number;
  /** How many classes there are. */
  classes?: number;
  /** photos: how long the run may take, above 0; by default 10. */
  minutes?: number;
  /** photos: by default wasm. */
  backend?: 'wasm' | 'native' | 'webgpu';
  /** photos: how many there are; by default 2. */
  processors?: number;
  /** photos: seconds of a processor to decode an image, which each worker does once; by default 0, as of small images. */
  decodeSeconds?: number;
}

type WordName = {
  [N in SettingName]: Table[N] extends { readonly kind: WordKind } ? N : never;
}[SettingName];

/** The words that settings may take, from the registries that know them. */
export type Words = { readonly [N in WordName]: readonly string[] };

/** What settings are checked against and do not know themselves. */
export interface Known {
  readonly words: Words;
  /** Methods that learn from labels: the length of their embedding is the number of classes. */
  readonly labelMethods: readonly string[];
  /** By stem: the smallest side of an image in pixels. */
  readonly smallestImage: Readonly<Record<string, number>>;
}

/** A configuration in known words. */
export type Configuration<W extends Words> = InWords<Common, W> &
  Of<'method', W['method'][number]> &
  Of<'optimizer', W['optimizer'][number]>;

type InWords<C, W extends Words> = {
  [N in keyof C]: N extends WordName ? W[N][number] | FileNameOf<Table[N]> : C[N];
};
type FileNameOf<Entry> = Entry extends { readonly kind: { readonly orFile: true } }
  ? `${string}.onnx`
  : never;

/** The settings that a method, or an optimizer, has of its own: of each name one member of a union. */
type Of<Which extends 'method' | 'optimizer', Name extends string> = Name extends string
  ? { [W in Which]: Name } & OwnSettings<Which, Name>
  : never;

/** The settings that one method, or one optimizer, has and others may not have. */
export type OwnSettings<Which extends 'method' | 'optimizer', Name extends string> = Values<
  Pick<Table, OwnNames<Which, Name>>
>;
type OwnNames<Which extends 'method' | 'optimizer', Name extends string> = {
  [N in SettingName]: Table[N] extends { readonly only: { readonly [W in Which]: readonly (infer Who)[] } }
    ? Name extends Who
      ? N
      : never
    : never;
}[SettingName];

/** The table as a list. */
export const SETTING_LIST = Object.entries(SETTINGS) as readonly (readonly [SettingName, Setting])[];

export const SHORTHAND_LIST = Object.entries(SHORTHANDS) as readonly (readonly [
  keyof typeof SHORTHANDS,
  Shorthand,
])[];

/** How messages name a setting: 'image size'. */
export function saidName(name: SettingName): string {
  const { said }: Setting = SETTINGS[name];
  return said ?? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
