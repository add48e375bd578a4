/** An encoder from an exported ONNX model, ready for pre-training. */
import { MocoError } from '../errors.ts';
import { type ImportOptions, importModel } from '../onnx/import/import-model.ts';
import { networkFromModel } from '../onnx/imported-network.ts';
import { decodeModel } from '../onnx/model.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { isOfKind } from '../settings/kinds.ts';
import type { Settings } from '../settings/settings.ts';
import { SETTINGS } from '../settings/table.ts';
import { outOfRange } from '../settings/validate.ts';
import type { GivenValues } from './initial-values.ts';

export interface ImportedEncoder {
  /** The backbone of the model with a projection head in the place of its classifier. */
  readonly network: ImportedNetwork;
  /** The model's weights and running statistics, which training starts from; the head is drawn from the seed. */
  readonly values: GivenValues;
  /** What was changed or left out, in words. */
  readonly notes: readonly string[];
}

/** The projection head and, for a model with a dynamic height and width, the size of its images. */
export type ImportConfig = Pick<Settings, 'dim' | 'mlp' | 'feature' | 'imageSize'>;
export type ImportEncoderOptions = Omit<ImportOptions, 'imageSize' | 'batch'>;

export interface EncoderFacts {
  /** Side in pixels of the square images that a model takes; null where it takes any, or takes no squares. */
  readonly imageSize: number | null;
}

/** See `importEncoder` of page/files.ts, which calls it where it may take its time. */
export function importEncoder(
  bytes: Uint8Array,
  config: ImportConfig,
  options: ImportEncoderOptions = {},
): ImportedEncoder {
  const { dim, mlp, feature, imageSize } = config;
  for (const [name, value] of Object.entries({ dim, mlp, feature, imageSize })) {
    const setting = name as keyof ImportConfig;
    if ((setting === 'feature' && value === undefined) || isOfKind(SETTINGS[setting].kind, value)) continue;
    throw new MocoError('usage', outOfRange(setting, value));
  }
  const model = importModel(bytes, { ...options, imageSize, batch: 'open' });
  const head = { dim, mlp, ...(feature === undefined ? {} : { feature }) };
  const { network, values } = networkFromModel(model, head);
  return { network, values, notes: model.notes };
}

/** See `describeEncoder` of page/files.ts. */
export function describeEncoder(bytes: Uint8Array): EncoderFacts {
  // Where weights lie in other files, only their places matter here.
  const { inputs } = decodeModel(bytes, (_location, _offset, length) => new Uint8Array(length));
  const [, , height, width] = inputs.find(({ shape }) => shape.length === 4)?.shape ?? [];
  return { imageSize: typeof height === 'number' && height === width ? height : null };
}
