/** An encoder from an exported ONNX model, ready for pre-training. */
import { MocoError } from '../errors.ts';
import { layoutOf } from '../onnx/image-layout.ts';
import { importModel } from '../onnx/import/import-model.ts';
import type { ImportOptions } from '../onnx/import/import-options.ts';
import type { Role } from '../onnx/import/weights.ts';
import { networkFromModel } from '../onnx/imported-network.ts';
import { requirePreparable } from '../onnx/limits.ts';
import { readModelFacts } from '../onnx/model.ts';
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
  /** The normalization (setting `normalize`) that the model's own asks for; null where it has none. */
  readonly normalize?: 'none' | 'bytes' | null;
  /** Of each initializer and parameter, whether it is trained, and why. */
  readonly roles?: readonly Role[];
  /** What the projection head takes, in words. */
  readonly features?: string;
}

/**
 * The projection head, what is trained and, for a model with a dynamic height and width, the size of its images; where the
 * normalization is given, nothing is said of the one that the model may want.
 */
export type ImportConfig = Pick<
  Settings,
  'dim' | 'mlp' | 'feature' | 'imageSize' | 'pool' | 'frozen' | 'train' | 'normalize' | 'mean'
>;
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
  const { dim, mlp, feature, pool, frozen, train, imageSize } = config;
  for (const [name, value] of Object.entries({ dim, mlp, feature, imageSize })) {
    const setting = name as keyof ImportConfig;
    if ((setting === 'feature' && value === undefined) || isOfKind(SETTINGS[setting].kind, value)) continue;
    throw new MocoError('usage', outOfRange(setting, value));
  }
  const model = importModel(bytes, { frozen, train, ...options, imageSize, batch: 'open' });
  const { network, values, features } = networkFromModel(model, { dim, mlp, feature, pool });
  requirePreparable(network.graph.nodes.length, options.limits);
  const { normalize, found } = model.range;
  const notes = [...model.notes, ...imageNotes(model.input.shape)];
  if (normalize !== null) {
    const range = normalize === 'bytes' ? '0 … 255' : '0 … 1';
    notes.push(`the model prepares its images itself (${found}): it gets ${range}, normalize ${normalize}`);
  }
  if (model.rangeHint && config.normalize === undefined && config.mean === undefined) {
    const { normalize: wanted, found } = model.rangeHint;
    notes.push(`the model may be of ${found}: if it wants the images of that, say --normalize ${wanted}`);
  }
  if (model.outputs.length > 1) notes.push(`features: ${features}`);
  // What belongs to the classifier is gone.
  const kept = new Set([...network.graph.inputs.map(({ name }) => name), ...network.graph.constants.keys()]);
  const roles = model.roles.filter(({ name }) => kept.has(name));
  return { network, values, notes, normalize, roles, features };
}

function imageNotes(shape: Parameters<typeof layoutOf>[0]): string[] {
  const layout = layoutOf(shape);
  const isGray = layout !== null && shape[layout.channels] === 1;
  return [
    ...(isGray
      ? ['the model takes gray images: colors are made gray for it (0.299 R + 0.587 G + 0.114 B)']
      : []),
    ...(layout?.name === 'NHWC'
      ? ['the model takes [batch, height, width, channels] (NHWC): images are turned for it']
      : []),
  ];
}

/** See `describeEncoder` of page/files.ts. */
export function describeEncoder(bytes: Uint8Array): EncoderFacts {
  // Without the weights, which may lie in other files.
  const shape = readModelFacts(bytes).inputs.find((input) => input.shape.length === 4)?.shape ?? [];
  const layout = layoutOf(shape);
  if (!layout) return { imageSize: null };
  const [height, width] = [shape[layout.height], shape[layout.width]];
  return { imageSize: typeof height === 'number' && height === width ? height : null };
}
