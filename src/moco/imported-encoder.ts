/** An encoder from an exported ONNX model, ready for pre-training. */
import { type ImportOptions, importModel } from '../onnx/import/import-model.ts';
import { networkFromModel } from '../onnx/imported-network.ts';
import { decodeModel } from '../onnx/model.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import type { PretrainConfig } from './config.ts';
import type { GivenValues } from './initial-state.ts';

export interface ImportedEncoder {
  /** The backbone of the model with a projection head in the place of its classifier. */
  readonly network: ImportedNetwork;
  /** The model's weights and running statistics, which training starts from; the head is drawn from the seed. */
  readonly values: GivenValues;
  /** What was changed or left out, in words. */
  readonly notes: readonly string[];
}

/**
 * Reads an encoder that was exported by torch.onnx (opset 11–18). Its classifier is replaced by a projection head at
 * `config.feature`, or where feature maps or sequences become one vector an image.
 * @param bytes the .onnx file
 * @param config the head (`dim`, `mlp`, `feature`) and, for a model with a dynamic height and width, `imageSize`
 * @throws MocoError model-invalid (malformed; no feature is found), operator-unsupported, usage (no such feature),
 * shape-mismatch (the model does not take square images of that size)
 */
export function importEncoder(
  bytes: Uint8Array,
  config: Pick<PretrainConfig, 'dim' | 'mlp' | 'feature' | 'imageSize'>,
  options: Omit<ImportOptions, 'imageSize'> = {},
): ImportedEncoder {
  const { dim, mlp, feature, imageSize } = config;
  const model = importModel(bytes, { ...options, imageSize });
  const head = { dim, mlp, ...(feature === undefined ? {} : { feature }) };
  const { network, values } = networkFromModel(model, head);
  return { network, values, notes: model.notes };
}

/**
 * What can be told of a model before it is read in full: the side in pixels of the square images it takes; null where it
 * takes any, or where its height and width are no squares' (which importing it then refuses).
 * @throws MocoError model-invalid
 */
export function describeEncoder(bytes: Uint8Array): { readonly imageSize: number | null } {
  // Where weights lie in other files, only their places matter here.
  const { inputs } = decodeModel(bytes, (_location, _offset, length) => new Uint8Array(length));
  const [, , height, width] = inputs.find(({ shape }) => shape.length === 4)?.shape ?? [];
  return { imageSize: typeof height === 'number' && height === width ? height : null };
}
