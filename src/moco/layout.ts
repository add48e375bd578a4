/** Names and shapes of what training changes, from the network's graph. */
import { buildResNet, type ResNetSpec } from '../onnx/resnet.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import { inferShapes } from '../onnx/shapes.ts';
import type { BatchNormLayer } from './running-statistics.ts';
import type { StateLayout } from './state.ts';

/** @throws MocoError usage where the image is too small for the network */
export function stateLayout(spec: ResNetSpec, imageSize: number, queueSize: number): StateLayout {
  const { graph, parameters, dim } = buildResNet(spec, 1, imageSize);
  const shapes = inferShapes(graph);
  const layers = graph.nodes
    .filter(({ op }) => op === 'BatchNormalization')
    .map((node): BatchNormLayer => {
      const [, channels, height, width] = image(node, shapes.get(node.outputs[0]!));
      return { name: node.name, channels, elementsPerImage: height * width };
    });
  return { parameters, layers, queueSize, dim };
}
