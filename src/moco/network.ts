/** The network that a configuration names. */
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildResNet, type ResNetSpec, resnetSpec } from '../onnx/resnet.ts';
import type { PretrainConfig } from './config.ts';

export function networkOf(config: PretrainConfig): ResNetSpec {
  return resnetSpec(config);
}

/**
 * Weights of the folded inference form, by name, from parameters and running statistics under their own names.
 * @throws MocoError shape-mismatch where one is missing
 */
export function inferenceWeights(
  spec: ResNetSpec,
  imageSize: number,
  values: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  return foldWeights(foldBatchNorm(buildResNet(spec, 1, imageSize).graph), values);
}

/** How many images to embed at once: enough to keep an encoder busy, little enough to fit. */
export function embeddingBatch(imageSize: number): number {
  return Math.max(1, Math.min(128, Math.floor(400_000 / imageSize ** 2)));
}
