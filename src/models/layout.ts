/** Names and shapes of an encoder's values, from the network's graph. */
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
}

export interface EncoderLayout {
  readonly parameters: readonly Parameter[];
  /** In graph order. */
  readonly layers: readonly BatchNormLayer[];
  /** Length of an embedding. */
  readonly dim: number;
}

/** @throws MocoError usage where the image is too small for the network */
export function encoderLayout(spec: NetworkSpec, imageSize: number): EncoderLayout {
  const { graph, parameters, dim } = buildNetwork(spec, 1, imageSize);
  const shapes = inferShapes(graph);
  const layers = graph.nodes
    .filter(({ op }) => op === 'BatchNormalization')
    .map((node): BatchNormLayer => {
      const [, channels, ...space] = (shapes.get(node.outputs[0]!) ?? []).map(Number);
      return { name: node.name, channels: channels ?? 0, elementsPerImage: count(space) };
    });
  return { parameters, layers, dim };
}
