/** Who has a setting. */
import { isFileName } from './kinds.ts';
import type { Setting } from './setting.ts';
import type { SettingName } from './settings.ts';
import { SETTINGS } from './table.ts';

/** What a configuration says of the owners of settings. */
export interface Owners {
  readonly method: string;
  readonly optimizer: string;
}

/** Whether the encoder comes from a file. */
export function isImported(arch: string): arch is `${string}.onnx` {
  return isFileName(arch);
}

/** Whether configurations of this method and optimizer have a setting. */
export function belongs(name: SettingName, { method, optimizer }: Owners): boolean {
  const { only }: Setting = SETTINGS[name];
  if (!only || 'encoder' in only) return true;
  return 'method' in only ? only.method.includes(method) : only.optimizer.includes(optimizer);
}

/** Why a setting cannot be given; null where it can. */
export function whyNotGiven(name: SettingName, owners: Owners & { readonly arch: string }): string | null {
  const { only }: Setting = SETTINGS[name];
  if (!only) return null;
  if ('encoder' in only) {
    if (isImported(owners.arch) === (only.encoder === 'file')) return null;
    const owner = only.encoder === 'file' ? 'encoders from an ONNX file' : 'the built-in ResNets';
    return `${name} belongs to ${owner}, not to ${owners.arch}: leave it out`;
  }
  if (belongs(name, owners)) return null;
  const [which, theirs] =
    'method' in only ? (['method', only.method] as const) : (['optimizer', only.optimizer] as const);
  return `${name} belongs to ${which} ${theirs.join(', ')}, not to ${owners[which]}: leave it out`;
}
