/** Whether settings can be: each alone, as the table has it, then all together. */
import * as v from 'valibot';
import { MocoError, shown } from '../errors.ts';
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

/** Unknown keys are refused: they would change what a run means. Who has to have which setting is looked at later. */
const SettingsSchema = v.strictObject(
  Object.fromEntries(SETTING_LIST.map(([name, setting]) => [name, schemaOf(name, setting)])),
  (issue) => {
    const key = v.getDotPath(issue);
    if (key === null) return 'these are no settings';
    return issue.expected === 'never' ? `there is no setting ${shown(key)}` : `${key} is missing`;
  },
);

function schemaOf(name: SettingName, { kind, preset, default: otherwise, only }: Setting): v.GenericSchema {
  const schema = v.custom(
    (value) => isOfKind(kind, value),
    ({ input }) => outOfRange(name, input),
  );
  const always = (preset || otherwise !== undefined) && (!only || 'encoder' in only);
  return always ? schema : v.optional(schema);
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
  const parsed = v.safeParse(SettingsSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return { at: v.getDotPath(issue), message: issue.message };
  }
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
  return `unknown ${saidName(name)} '${shown(value)}': choose one of ${choicesOf(kind, choices).join(', ')}`;
}
