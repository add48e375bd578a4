/**
 * Convolution: y = x ⋆ w (cross-correlation, as in PyTorch), in groups, dilated, in one or two dimensions.
 *
 *   dx  stride 1: dy convolved with the flipped weights, channels in and out swapped; otherwise ConvTranspose
 *   dw  weight-gradient.ts
 */
import { intAttribute, windowOf, windowOutput } from '../onnx/attributes.ts';
import type { Node, Shape } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import { convolve, convolveTransposed, flip, swapChannels } from './convolve.ts';
import { type Convolution, extent, fromImage, toImage, wayBack, windowAttributes } from './images.ts';
import { float32 } from './kernel-gradient.ts';
import { type BackwardScope, channelSum, type LoweringScope, type Rule } from './rule.ts';
import { weightGradient } from './weight-gradient.ts';

/** Writes the gradient of a convolution's input, from that of its output and its weights: all with a height, one-dimensional ones too. */
export type InputGradient = (
  scope: BackwardScope,
  dy: string,
  weight: string,
  convolution: Convolution,
) => string;

export const conv: Rule = convolutionRule(byConvolution);

export function convolutionRule(inputGradient: InputGradient): Rule {
  return {
    lower(node: Node, scope: LoweringScope): void {
      const { x, outChannels, groups } = convolutionOf(node, scope.shape);
      const [channels] = x;
      const { attributes, inputs, outputs } = node;
      const rank = scope.shape(inputs[0]!).length;
      convolve(scope, inputs, { channels, outChannels, groups, rank, attributes, output: outputs[0]! });
    },

    backward(node: Node, dOutput: string, scope: BackwardScope) {
      const { g } = scope;
      const [x = '', w = '', bias] = node.inputs;
      const convolution = convolutionOf(node, scope.shape);
      const [xShape, wShape] = [scope.shape(x), scope.shape(w)];
      const dy = toImage(g, dOutput, xShape);
      const weights = () => toImage(g, scope.value(w), wShape);
      const dw = () => weightGradient(scope, dy, toImage(g, scope.value(x), xShape), convolution);
      const given = float32(dOutput, scope.shape(node.outputs[0]!));
      const isWanted = scope.wants(w) && !scope.leaveToKernel(w, x, given, convolution);
      return [
        scope.wants(x) ? fromImage(g, inputGradient(scope, dy, weights(), convolution), xShape) : null,
        isWanted ? fromImage(g, dw(), wShape) : null,
        bias !== undefined && scope.wants(bias) ? channelSum(g, dy) : null,
      ];
    },
  };
}

function convolutionOf(node: Node, shapeOf: (name: string) => Shape): Convolution {
  const [batch, ...x] = image(node, shapeOf(node.inputs[0]!));
  const w = shapeOf(node.inputs[1]!);
  return {
    window: windowOf(node, [x[1], x[2]], w.slice(2).map(Number)),
    batch,
    x,
    outChannels: fixed(node, w[0]),
    groups: intAttribute(node, 'group', 1),
  };
}

function byConvolution(scope: BackwardScope, dy: string, w: string, convolution: Convolution): string {
  const { g } = scope;
  const { window, x, outChannels, groups } = convolution;
  const [channels, height, width] = x;
  const [top, left, bottom, right] = window.pads;
  if (window.strides.every((stride) => stride === 1)) {
    const [h, v] = [extent(window, 0) - 1, extent(window, 1) - 1];
    const pads = [h - top, v - left, h - bottom, v - right] as const;
    // Faster than ConvTranspose on wasm: no column buffer is scattered back.
    if (pads.every((pad) => pad >= 0)) {
      const swapped = swapChannels(g, w, groups, [outChannels, channels, ...window.kernel]);
      const attributes = {
        ...windowAttributes({ ...window, pads }),
        ...(groups > 1 ? { group: groups } : {}),
      };
      const sizes = { channels: outChannels, outChannels: channels, groups, rank: 4, attributes };
      return convolve(scope, [dy, flip(g, swapped, window.kernel)], sizes);
    }
  }
  const { pads, outputPadding } = wayBack(window, [height, width]);
  return convolveTransposed(scope, [dy, w], {
    size: windowOutput(window, height, width),
    window: { ...window, pads },
    outputPadding,
    channels: outChannels,
    outChannels: channels,
    groups,
  });
}
