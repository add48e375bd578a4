/**
 * Formats of checkpoints, and how an earlier one becomes the one of today. A checkpoint is migrated as a whole, once its
 * checksums are verified and before anything in it is read; nothing is written back.
 */
import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { SETTINGS_FORMAT, withSettingsSince } from '../settings/since.ts';

/** The content of a checkpoint as its files say it. */
export interface SavedContent {
  /** state.json */
  readonly state: Readonly<Record<string, unknown>>;
  /** model.safetensors */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/**
 * What a format changed besides settings, by its number: makes the content of the format before into its own. What
 * settings a format brought, and what they were before, is in the table of settings (`since`).
 */
const CHANGES: ReadonlyMap<number, (saved: SavedContent) => SavedContent> = new Map([
  [2, countersAmongTensors],
  [4, imagesUnknown],
]);

/** The format that this code writes; it reads all before it. */
export const FORMAT_VERSION = Math.max(SETTINGS_FORMAT, ...CHANGES.keys());

/** Not damage: an update of the package reads it. */
export class NewerFormatError extends MocoError {}

/** @throws NewerFormatError (checkpoint-invalid) for a format that is newer than this code */
export function checkFormat(format: number): void {
  if (format <= FORMAT_VERSION) return;
  throw new NewerFormatError(
    'checkpoint-invalid',
    `state.json was written by a newer moco-web (format ${format}; this one reads up to ${FORMAT_VERSION}): update the package`,
  );
}

/** The content in the format of today. */
export function migrate(saved: SavedContent, from: number): SavedContent {
  let { state, tensors } = saved;
  for (let format = from + 1; format <= FORMAT_VERSION; format++) {
    ({ state, tensors } = CHANGES.get(format)?.({ state, tensors }) ?? { state, tensors });
    const { config } = state;
    // Anything else is refused when it is read.
    if (typeof config === 'object' && config !== null) {
      state = { ...state, config: withSettingsSince(format, config as Record<string, unknown>) };
    }
  }
  return { state, tensors };
}

/** Format 2: counters are tensors. Before it, queue_ptr stood in state.json, and each step was one of the optimizer. */
function countersAmongTensors({ state, tensors }: SavedContent): SavedContent {
  const { queue_ptr: pointer, ...rest } = state;
  const counters = Object.entries({ queue_ptr: pointer, updates: state.step }).filter(
    (entry): entry is [string, number] => Number.isSafeInteger(entry[1]),
  );
  const counted = counters.map(([name, value]): [string, NamedTensor] => {
    return [name, { dtype: 'I64', shape: [1], data: BigInt64Array.of(BigInt(value)) }];
  });
  return { state: rest, tensors: new Map([...tensors, ...counted]) };
}

/** Format 4: a digest of the images is in the sampler's state. Which they were before, nobody knows. */
function imagesUnknown({ state, tensors }: SavedContent): SavedContent {
  const { sampler } = state;
  if (typeof sampler !== 'object' || sampler === null) return { state, tensors };
  return { state: { ...state, sampler: { ...sampler, digest: null } }, tensors };
}
