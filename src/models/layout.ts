/** Names and shapes of an encoder's values, from the network's graph. */
import { momentumOf, movingBatchNorms } from '../onnx/batch-norms.ts';
import { count } from '../onnx/dims.ts';
import type { Parameter } from '../onnx/encoder-graph.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import { inferShapes } from '../onnx/shapes.ts';

export interface BatchNormLayer {
  /** e.g. `layer1.0.bn1` */
  readonly name: string;
  readonly channels: number;
  /** H·W of its activation: a group of n images has n·H·W elements a channel. */
  readonly elementsPerImage: number;
  /** How much of a batch goes into its running statistics. */
  readonly momentum: number;
}

export interface EncoderLayout {
  readonly parameters: readonly Parameter[];
  /** In graph order. */
  readonly layers: readonly BatchNormLayer[];
  /** Of an imported model: what its state holds besides, and nothing changes. */
  readonly buffers: readonly Buffer[];
  /** Length of an embedding. */
  readonly dim: number;
}

export interface Buffer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** @throws MocoError usage where the image is too small for the network */
export function encoderLayout(spec: NetworkSpec, imageSize: number): EncoderLayout {
  const { graph, parameters, dim } = buildNetwork(spec, 1, imageSize);
  const shapes = inferShapes(graph);
  const layers = movingBatchNorms(graph).map((node): BatchNormLayer => {
    const [, channels, ...space] = (shapes.get(node.outputs[0]!) ?? []).map(Number);
    return {
      name: node.name,
      channels: channels ?? 0,
      elementsPerImage: count(space),
      momentum: momentumOf(node),
    };
  });
  return { parameters, layers, buffers: buffersOf(spec), dim };
}

function buffersOf(spec: NetworkSpec): Buffer[] {
  if (!('graph' in spec)) return [];
  return (spec.buffers ?? []).flatMap((name): Buffer[] => {
    const constant = spec.graph.constants.get(name);
    if (constant?.type !== 'float32' || constant.data.length === 0) return [];
    return [{ name, shape: constant.shape, values: constant.data as Float32Array }];
  });
}
