/** Names and shapes of what training changes, from the network's graph. */
import { count } from '../onnx/dims.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import { inferShapes } from '../onnx/shapes.ts';
import type { BatchNormLayer } from '../train/running-statistics.ts';
import type { StateLayout } from '../train/state.ts';

/** @throws MocoError usage where the image is too small for the network */
export function stateLayout(spec: NetworkSpec, imageSize: number, queueSize: number): StateLayout {
  const { graph, parameters, dim } = buildNetwork(spec, 1, imageSize);
  const shapes = inferShapes(graph);
  const layers = graph.nodes
    .filter(({ op }) => op === 'BatchNormalization')
    .map((node): BatchNormLayer => {
      const [, channels, ...space] = (shapes.get(node.outputs[0]!) ?? []).map(Number);
      return { name: node.name, channels: channels ?? 0, elementsPerImage: count(space) };
    });
  return { parameters, layers, queueSize, dim };
}
