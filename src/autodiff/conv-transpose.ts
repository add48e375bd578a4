/**
 * ConvTranspose: the gradient of a convolution by its input, as an operator. So its own gradient is that convolution:
 *
 *   y = x ⋆ᵀ w     dx = dy ⋆ w     dw = the weight gradient of dy ⋆ w where x is the gradient that arrives
 */
import { intAttribute, outputPaddingOf, type Window, windowOf } from '../onnx/attributes.ts';
import type { Dim, Node, Shape } from '../onnx/graph.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import { convolve, convolveTransposed, isTransposedWrong } from './convolve.ts';
import type { Convolution } from './images.ts';
import { fromImage, toImage, windowAttributes } from './images.ts';
import { type BackwardScope, channelSum, copyNode, type LoweringScope, type Rule } from './rule.ts';
import { weightGradient } from './weight-gradient.ts';

export const convTranspose: Rule = {
  lower(node: Node, scope: LoweringScope): void {
    const { g } = scope;
    const { x, out, groups, window } = geometryOf(node, scope.shape);
    const sizes = { channels: x[0], outChannels: out[0], groups };
    if (!isTransposedWrong(scope, sizes)) {
      copyNode(g, node);
      return;
    }
    const [xName = '', w = '', ...bias] = node.inputs;
    const shape = scope.shape(xName);
    const inputs = [toImage(g, xName, shape), toImage(g, w, shape), ...bias];
    const [output = ''] = node.outputs;
    const more = { size: [x[1], x[2]], window, outputPadding: outputPaddingOf(node) } as const;
    const direct = shape.length === 4 ? output : undefined;
    const y = convolveTransposed(scope, inputs, { ...sizes, ...more }, direct);
    if (direct === undefined) g.op('Squeeze', [y, g.ints([2])], {}, output);
  },

  backward(node: Node, dOutput: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', w = '', bias] = node.inputs;
    const [xShape, wShape] = [scope.shape(x), scope.shape(w)];
    const { batch, x: input, out, groups, window } = geometryOf(node, scope.shape);
    const dy = toImage(g, dOutput, xShape);
    const dx = () => {
      const attributes = { ...windowAttributes(window), ...(groups > 1 ? { group: groups } : {}) };
      const sizes = { channels: out[0], outChannels: input[0], groups, rank: 4, attributes };
      return convolve(scope, [dy, toImage(g, scope.value(w), wShape)], sizes);
    };
    const dw = () => {
      const convolution: Convolution = { window, batch, x: out, outChannels: input[0], groups };
      return weightGradient(scope, toImage(g, scope.value(x), xShape), dy, convolution);
    };
    return [
      scope.wants(x) ? fromImage(g, dx(), xShape) : null,
      scope.wants(w) ? fromImage(g, dw(), wShape) : null,
      bias !== undefined && scope.wants(bias) ? channelSum(g, dy) : null,
    ];
  },
};

interface Geometry {
  readonly batch: Dim;
  /** [channels, height, width] of x and of y. */
  readonly x: readonly [number, number, number];
  readonly out: readonly [number, number, number];
  readonly groups: number;
  readonly window: Window;
}

function geometryOf(node: Node, shapeOf: (name: string) => Shape): Geometry {
  const [batch, ...x] = image(node, shapeOf(node.inputs[0]!));
  const [, ...out] = image(node, shapeOf(node.outputs[0]!));
  const kernel = shapeOf(node.inputs[1]!).slice(2).map(Number);
  const window = windowOf(node, [x[1], x[2]], kernel);
  return { batch, x, out, groups: intAttribute(node, 'group', 1), window };
}
