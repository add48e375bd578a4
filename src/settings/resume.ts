import { MocoError } from '../errors.ts';
import { type ConfigOverrides, chooseStem, type PretrainConfig, stepsPerEpoch } from './config.ts';
import { validateConfig } from './validate.ts';

/** What a resumed run was given on top of its checkpoint. */
export interface ResumeOptions extends ConfigOverrides {
  preset?: string;
}

/**
 * The configuration of a resumed run. The saved one wins: options may restate it, and `epochs` and `steps` may extend
 * it (more epochs stretch the cosine schedule from here on). `steps` beyond the saved epochs extends the epochs too.
 * @param images how many training images there are
 * @throws MocoError config-mismatch when an option would change the run, usage when it is not valid at all
 */
export function mergeResumedConfig(
  saved: PretrainConfig,
  given: ResumeOptions,
  images: number,
): PretrainConfig {
  if (given.preset !== undefined && saved.preset !== undefined && given.preset !== saved.preset) {
    refuse('preset', given.preset, saved.preset);
  }
  for (const [name, savedValue] of Object.entries(restatable(saved))) {
    const value = resolvedOption(name, given, saved);
    if (value !== undefined && value !== savedValue) refuse(name, value, savedValue);
  }
  const merged = { ...saved };
  if (given.epochs !== undefined) {
    if (given.epochs < saved.epochs) refuse('epochs', given.epochs, saved.epochs);
    merged.epochs = given.epochs;
  }
  if (given.steps !== undefined) {
    const perEpoch = Math.max(1, stepsPerEpoch(images, saved.batchSize));
    if (given.steps < (saved.steps ?? saved.epochs * perEpoch)) {
      refuse('steps', given.steps, saved.steps ?? `all of ${saved.epochs} epochs`);
    }
    merged.steps = given.steps;
    if (given.epochs === undefined) {
      merged.epochs = Math.max(saved.epochs, Math.ceil(given.steps / perEpoch));
    }
  }
  validateConfig(merged, images);
  return merged;
}

/** Everything of a configuration that an option can restate and none may change. */
function restatable(
  saved: PretrainConfig,
): Omit<PretrainConfig, 'preset' | 'epochs' | 'steps' | 'sgdMomentum'> {
  const { preset: _preset, epochs: _epochs, steps: _steps, sgdMomentum: _sgd, ...rest } = saved;
  return rest;
}

/** What a given option says about a setting, in the words of the configuration; undefined: nothing. */
function resolvedOption(name: string, given: ResumeOptions, saved: PretrainConfig): unknown {
  if (name === 'augmentation') {
    if (given.augPlus === undefined) return undefined;
    if (given.augPlus) return 'v2';
    // --no-aug-plus restates whatever is not v2's.
    return saved.augmentation === 'v2' ? 'v1' : saved.augmentation;
  }
  if (name === 'stem' && given.stem !== undefined) return chooseStem(given.stem, saved.imageSize);
  return (given as Record<string, unknown>)[name];
}

function refuse(name: string, value: unknown, saved: unknown): never {
  throw new MocoError(
    'config-mismatch',
    `${name} ${String(value)} is not that of the saved run (${String(saved)}): ` +
      'a resumed run may only extend epochs and steps; leave the option out or start a new run',
  );
}
