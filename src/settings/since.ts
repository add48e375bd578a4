/** Settings that came after the first checkpoints. */
import { belongs } from './owners.ts';
import { SETTING_LIST } from './settings.ts';

/** The newest format of checkpoints that some setting came with. */
export const SETTINGS_FORMAT = Math.max(...SETTING_LIST.map(([, { since }]) => since?.format ?? 1));

/** Adds to a configuration of an earlier format what the settings that came with `format` were before. */
export function withSettingsSince(
  format: number,
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const added: Record<string, unknown> = { ...config };
  for (const [name, { since }] of SETTING_LIST) {
    if (since?.format !== format || since.absent === undefined || added[name] !== undefined) continue;
    // Owners stand before what is theirs, in the table as in time.
    const owners = { method: String(added.method), optimizer: String(added.optimizer) };
    if (belongs(name, owners)) added[name] = since.absent;
  }
  return added;
}
