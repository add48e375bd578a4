/** The options of `pretrain` and `bench` that the table of settings has. */
import { type Command, Option } from 'commander';
import { choicesOf, type Kind } from '../settings/kinds.ts';
import type { Flag } from '../settings/setting.ts';
import {
  type ConfigOverrides,
  type ResumeOptions,
  SETTING_LIST,
  type SettingName,
  SHORTHAND_LIST,
  type Words,
} from '../settings/settings.ts';
import { WORDS } from '../train/configure.ts';
import { parseNumber, wholeNumber } from './options.ts';

/** What commander makes of these options, by the names of the settings; absent where not given. */
export type ConfigOptions = ResumeOptions;

/** An option that is stored under the name of its setting. */
class SettingOption extends Option {
  readonly #setting: string;

  constructor(setting: string, flags: string, help: string) {
    super(flags, help);
    this.#setting = setting;
  }

  override attributeName(): string {
    return this.#setting;
  }
}

/**
 * @param shapes 'run': all of them; 'step': without those that only say how long a run is
 * @param only these of them
 */
export function addConfigOptions(
  command: Command,
  shapes: 'run' | 'step',
  only?: readonly SettingName[],
): Command {
  for (const [name, { kind, flag, default: otherwise }] of SETTING_LIST) {
    if (only && !only.includes(name)) continue;
    if (!flag || (flag.shapes === 'run' && shapes === 'step')) continue;
    const words = kind.type === 'word' ? choicesOf(kind, WORDS[name as keyof Words], true) : [];
    const help = flag.help.replace('{words}', words.join(' | ')).replace('{default}', String(otherwise));
    addOptions(command, name, { ...flag, help }, parserOf(kind));
  }
  if (!only) for (const [name, { flag }] of SHORTHAND_LIST) addOptions(command, name, flag);
  return command;
}

function addOptions(command: Command, setting: string, flag: Flag, parse?: (text: string) => number): void {
  const option = new SettingOption(setting, flag.name, flag.help);
  command.addOption(parse ? option.argParser(parse) : option);
  if (flag.no !== undefined) {
    command.addOption(new SettingOption(setting, flag.name.replace('--', '--no-'), flag.no));
  }
}

/** Upper bounds are left to the check of the whole configuration, which says more. */
function parserOf(kind: Kind): ((text: string) => number) | undefined {
  if (kind.type === 'whole') return wholeNumber(kind.least);
  return kind.type === 'number' ? parseNumber : undefined;
}

/** Options as overrides of a preset: only what was given. */
export function overridesOf(options: ConfigOptions): ConfigOverrides {
  const names: readonly string[] = [...SETTING_LIST, ...SHORTHAND_LIST].map(([name]) => name);
  const given = Object.entries(options).filter(
    ([name, value]) => name !== 'preset' && names.includes(name) && value !== undefined,
  );
  return Object.fromEntries(given);
}
