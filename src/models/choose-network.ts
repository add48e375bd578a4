/** The network that a configuration names. */
import { MocoError } from '../errors.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildNetwork, type ImportedNetwork, type NetworkSpec } from '../onnx/network.ts';
import { resnetSpec } from '../onnx/resnet.ts';
import { isImported } from '../settings/owners.ts';
import type { Settings } from '../settings/settings.ts';

/**
 * @param imported the network of an encoder from a file
 * @throws MocoError usage where the configuration names a file and no network is given, or the other way round, or names
 * an architecture or a stem that there is not
 */
export function networkOf(config: Settings, imported?: ImportedNetwork | null): NetworkSpec {
  const { arch } = config;
  if (isImported(arch)) {
    if (imported) return imported;
    throw new MocoError('usage', `the configuration names ${arch}: give what importEncoder made of it too`);
  }
  if (imported)
    throw new MocoError('usage', `an imported encoder was given, but the configuration names ${arch}`);
  return resnetSpec(config);
}

/**
 * Weights of the folded inference form, by name, from parameters and running statistics under their own names.
 * @throws MocoError shape-mismatch where one is missing
 */
export function inferenceWeights(
  spec: NetworkSpec,
  imageSize: number,
  values: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  return foldWeights(foldBatchNorm(buildNetwork(spec, 1, imageSize).graph), values);
}

/** How many images to embed at once: enough to keep an encoder busy, little enough to fit. */
export function embeddingBatch(imageSize: number): number {
  return Math.max(1, Math.min(128, Math.floor(400_000 / imageSize ** 2)));
}
