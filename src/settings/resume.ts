/** What a resumed run may change of its settings. */
import { MocoError } from '../errors.ts';
import { inFull } from './resolve.ts';
import { stepsPerEpoch } from './run-length.ts';
import type { Setting } from './setting.ts';
import type { Known, ResumeOptions, SettingName, Settings } from './settings.ts';
import { SETTINGS } from './table.ts';
import { validateSettings } from './validate.ts';

/** See `mergeResumedConfig` of train/configure.ts. */
export function mergeResumedSettings(
  saved: Settings,
  options: ResumeOptions,
  images: number,
  known: Known,
): Settings {
  const given = inFull(options, saved);
  const perEpoch = Math.max(1, stepsPerEpoch(images, saved.batchSize));
  for (const [name, value] of Object.entries(given) as [SettingName, Settings[SettingName]][]) {
    const { resume }: Setting = SETTINGS[name];
    const was = saved[name];
    if (resume !== 'grows') {
      if (value !== was) refuse(name, value, was ?? 'none');
    } else if (Number(value) < Number(was ?? saved.epochs * perEpoch)) {
      refuse(name, value, was ?? `all of ${saved.epochs} epochs`);
    }
  }
  const merged = { ...saved, ...given };
  if (typeof given.steps === 'number' && given.epochs === undefined) {
    merged.epochs = Math.max(saved.epochs, Math.ceil(given.steps / perEpoch));
  }
  validateSettings(merged, known, images);
  return merged;
}

function refuse(name: string, value: unknown, saved: unknown): never {
  const growing = Object.entries<Setting>(SETTINGS).filter(([, { resume }]) => resume === 'grows');
  throw new MocoError(
    'config-mismatch',
    `${name} ${String(value)} is not that of the saved run (${String(saved)}): a resumed run may only extend ` +
      `${growing.map(([grown]) => grown).join(' and ')}; leave the option out or start a new run`,
  );
}
