/** Whether settings can be: each alone, as the table has it, then all together. */
import { type Form, hint, made, shown, text, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { choicesOf, isFileName, isOfKind, rangeOf } from './kinds.ts';
import { belongs, whyNotGiven } from './owners.ts';
import { RULES } from './rules.ts';
import type { Setting } from './setting.ts';
import {
  type Known,
  SETTING_LIST,
  type SettingName,
  type Settings,
  saidName,
  type Words,
} from './settings.ts';
import { SETTINGS } from './table.ts';

/** What a configuration is told from anything else by; `validateSettings` looks at all of it. */
export const CONFIGURATION: Form = made<Settings>('a configuration, from resolveConfig', {
  method: text(),
  arch: text(),
  batchSize: whole(1),
  groups: whole(1),
  epochs: whole(1),
  imageSize: whole(1),
});

/**
 * Each setting alone. Unknown keys are refused: they would change what a run means. Who has to have which setting is looked at
 * later. Without a library of schemas, as settings are checked in every page.
 */
function problemOfOne(value: unknown): Problem | null {
  if (typeof value !== 'object' || value === null) return { at: null, message: 'these are no settings' };
  const given = value as Readonly<Record<string, unknown>>;
  for (const [name, setting] of SETTING_LIST) {
    const { kind } = setting;
    const input = given[name];
    if (!Object.hasOwn(given, name)) {
      if (isAlwaysThere(setting)) return { at: name, message: `${name} is missing` };
    } else if (!isOfKind(kind, input) && (input !== undefined || isAlwaysThere(setting))) {
      return { at: name, message: outOfRange(name, input) };
    }
  }
  const known = new Set<string>(SETTING_LIST.map(([name]) => name));
  const other = Object.keys(given).find((key) => !known.has(key));
  return other === undefined ? null : { at: other, message: `there is no setting ${shown(other)}` };
}

function isAlwaysThere({ preset, default: otherwise, only }: Setting): boolean {
  return Boolean(preset || otherwise !== undefined) && (!only || 'encoder' in only);
}

/** What to say of a value that a setting cannot have. */
export function outOfRange(name: SettingName, value: unknown): string {
  const { kind }: Setting = SETTINGS[name];
  return `${saidName(name)} ${shown(value)} is out of range: give ${rangeOf(kind)}`;
}

/**
 * Checks settings, against each other and the number of training images, too.
 * @throws MocoError usage, naming the setting, its value and what to do
 */
export function validateSettings(
  settings: unknown,
  known: Known,
  images?: number,
): asserts settings is Settings {
  const problem = problemOf(settings, known, images);
  if (problem) throw new MocoError('usage', problem.message);
}

/**
 * Settings from untrusted JSON, with the same bounds as those from the command line. Words are not looked up.
 * @throws MocoError checkpoint-invalid naming the field
 */
export function parseSettings(value: unknown): Settings {
  const problem = problemOf(value);
  if (!problem) return value as Settings;
  throw new MocoError(
    'checkpoint-invalid',
    `config${problem.at ? `.${problem.at}` : ''}: ${problem.message}`,
  );
}

interface Problem {
  /** Name of the setting; null where it is several together. */
  readonly at: string | null;
  readonly message: string;
}

function problemOf(value: unknown, known?: Known, images?: number): Problem | null {
  const problem = problemOfOne(value);
  if (problem) return problem;
  const settings = value as Settings;
  for (const [name] of SETTING_LIST) {
    const message = (known && unknownWord(name, settings[name], known.words)) ?? misplaced(name, settings);
    if (message !== null) return { at: name, message };
  }
  for (const { about, broken } of RULES) {
    if (about.some((name) => settings[name] === undefined)) continue;
    const message = broken(settings as Required<Settings>, { ...known, images });
    if (message !== null) return { at: null, message };
  }
  return null;
}

/** What is wrong with a setting being there or not. */
function misplaced(name: SettingName, settings: Settings): string | null {
  const { only }: Setting = SETTINGS[name];
  if (!only || 'encoder' in only) return null;
  const isThere = settings[name] !== undefined;
  if (belongs(name, settings)) return isThere ? null : `${name} is missing`;
  return isThere ? whyNotGiven(name, settings) : null;
}

/** What to say of a word that no registry knows; null of one that some knows, and of what is no word. */
export function unknownWord(name: SettingName, value: unknown, words: Words): string | null {
  const { kind }: Setting = SETTINGS[name];
  if (kind.type !== 'word' || typeof value !== 'string') return null;
  const choices: readonly string[] = words[name as keyof Words];
  if (choices.includes(value) || (kind.orFile && isFileName(value))) return null;
  return `unknown ${saidName(name)} ${shown(value)}: choose one of ${choicesOf(kind, choices).join(', ')}${hint(value, choices)}`;
}
