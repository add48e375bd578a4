/** What is not known of a run that came from another program, and how it is refused. */
import type { RunState } from '../checkpoint/state.ts';
import { MocoError } from '../errors.ts';
import { belongs } from '../settings/owners.ts';
import {
  type ResumeOptions,
  SETTING_LIST,
  type SettingName,
  type Settings,
  SHORTHAND_LIST,
} from '../settings/settings.ts';

/** Not settings, but unknown like them: how many training images there were, and the projection head. */
export const STEPS_AN_EPOCH = 'images';
export const HEAD = 'head';

/** What no file of weights says, and only a preset or options can. */
const NEVER_SAID: readonly SettingName[] = [
  'preset',
  'imageSize',
  'augmentation',
  'batchSize',
  'groups',
  'momentum',
  'temperature',
  'schedule',
  'learningRate',
  'weightDecay',
  'epochs',
];

/** Names of settings that nothing has said. A preset says all that it has. */
export function unknownSettings(config: Settings, said: ResumeOptions): string[] {
  const given = new Set(Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [name])));
  for (const [name, { of }] of SHORTHAND_LIST) if (given.has(name)) given.add(of);
  const settings = given.has('preset')
    ? []
    : NEVER_SAID.filter((name) => belongs(name, config) && !given.has(name));
  return [...settings, STEPS_AN_EPOCH];
}

/** @throws MocoError usage where the rows of a head are asked for and the file had none */
export function requireHead({ unknown }: Pick<RunState, 'unknown'>, features: 'backbone' | 'head'): void {
  if (features === 'backbone' || !unknown?.includes(HEAD)) return;
  throw new MocoError(
    'usage',
    'the file that this encoder came from has no projection head: take --features backbone',
  );
}

/** @throws MocoError config-mismatch naming what is not known, and the options that say it */
export function requireKnown({ unknown = [] }: Pick<RunState, 'unknown'>): void {
  const settings = unknown.filter((name) => name !== HEAD && name !== STEPS_AN_EPOCH && name !== 'preset');
  if (settings.length > 0) {
    throw new MocoError(
      'config-mismatch',
      `the file that this run came from does not say ${settings.join(', ')}: give a preset (--preset moco-v2), or ${flagsOf(settings)}`,
    );
  }
  if (unknown.includes(STEPS_AN_EPOCH)) {
    throw new MocoError(
      'config-mismatch',
      'the file that this run came from does not say how many images an epoch has: give --data',
    );
  }
}

function flagsOf(names: readonly string[]): string {
  const flags = [...SETTING_LIST, ...SHORTHAND_LIST].flatMap(([name, entry]) => {
    const setting = 'of' in entry ? entry.of : name;
    return names.includes(setting) && entry.flag ? [entry.flag.name.split(' ')[0]] : [];
  });
  return flags.join(', ');
}
