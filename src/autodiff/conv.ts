/**
 * Convolution: y = x ⋆ w (cross-correlation, as in PyTorch).
 *
 *   dx  stride 1: dy convolved with the flipped, transposed weights; otherwise ConvTranspose
 *   dw  1×1: a Gemm over all pixels; otherwise a Gemm with the im2col of x
 */
import { MocoError } from '../errors.ts';
import { intAttribute, type Window, windowOf, windowOutput } from '../onnx/attributes.ts';
import type { GraphBuilder, Node } from '../onnx/graph.ts';
import { fixed, image } from '../onnx/shapes.ts';
import { type BackwardScope, channelSum, type Rule, reduceSum, reshape, transpose } from './rule.ts';

export const conv: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const [x = '', w = '', bias] = node.inputs;
    if (intAttribute(node, 'group', 1) !== 1) {
      throw new MocoError('operator-unsupported', `node ${node.name} (Conv): groups are not supported`);
    }
    const weightShape = scope.shape(w);
    const geometry: Geometry = {
      window: windowOf(node, weightShape.slice(2).map(Number)),
      x: image(node, scope.shape(x)).slice(1) as [number, number, number],
      outChannels: fixed(node, weightShape[0]),
    };
    return [
      scope.wants(x) ? inputGradient(scope, dy, scope.value(w), geometry) : null,
      scope.wants(w) ? weightGradient(scope, dy, scope.value(x), geometry) : null,
      bias !== undefined && scope.wants(bias) ? channelSum(scope.g, scope.lowering, dy) : null,
    ];
  },
};

interface Geometry {
  readonly window: Window;
  /** [channels, height, width] of the input. */
  readonly x: readonly [number, number, number];
  readonly outChannels: number;
}

function inputGradient({ g }: BackwardScope, dy: string, w: string, geometry: Geometry): string {
  const { window, x } = geometry;
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [top, left, bottom, right] = window.pads;
  if (sh === 1 && sw === 1) {
    // Faster than ConvTranspose on wasm: no column buffer is scattered back.
    let flipped = transpose(g, w, [1, 0, 2, 3]);
    if (kh > 1 || kw > 1) {
      const end = g.ints([-kh - 1, -kw - 1]);
      flipped = g.op('Slice', [flipped, g.ints([-1, -1]), end, g.ints([2, 3]), g.ints([-1, -1])]);
    }
    const pads = [kh - 1 - top, kw - 1 - left, kh - 1 - bottom, kw - 1 - right];
    if (pads.every((pad) => pad >= 0)) {
      return g.op('Conv', [dy, flipped], { kernel_shape: [kh, kw], strides: [1, 1], pads });
    }
  }
  const [oh, ow] = windowOutput(window, x[1], x[2]);
  // Rows and columns of x that no window reached: their gradient is zero, and ConvTranspose has to add them.
  const outputPadding = [
    x[1] - ((oh - 1) * sh + kh - top - bottom),
    x[2] - ((ow - 1) * sw + kw - left - right),
  ];
  const attributes = { kernel_shape: [kh, kw], strides: [sh, sw], pads: [top, left, bottom, right] };
  return g.op('ConvTranspose', [dy, w], { ...attributes, output_padding: outputPadding });
}

function weightGradient(scope: BackwardScope, dy: string, x: string, geometry: Geometry): string {
  const { g, lowering } = scope;
  const { window, outChannels } = geometry;
  const [channels] = geometry.x;
  const [kh, kw] = window.kernel;
  const [oh, ow] = windowOutput(window, geometry.x[1], geometry.x[2]);
  const taps = kh * kw;
  if (lowering.weightGradient === 'batched-matmul') {
    // [N, O, H·W] × [N, H·W, taps·C], then the sum over N.
    const columns = reshape(g, im2col(g, x, geometry, 1), [0, taps * channels, oh * ow]);
    const pixels = reshape(g, dy, [0, outChannels, oh * ow]);
    const products = g.op('MatMul', [pixels, transpose(g, columns, [0, 2, 1])]);
    const sum = reduceSum(g, products, [0]);
    return transpose(g, reshape(g, sum, [outChannels, kh, kw, channels]), [0, 3, 1, 2]);
  }
  // [taps·C, N·H·W] × [O, N·H·W]ᵀ: the smaller matrix is the one that gets packed.
  const columns = reshape(g, im2col(g, transpose(g, x, [1, 0, 2, 3]), geometry, 0), [taps * channels, -1]);
  const pixels = reshape(g, transpose(g, dy, [1, 0, 2, 3]), [outChannels, -1]);
  const product = g.op('Gemm', [columns, pixels], { transB: 1 });
  return transpose(g, reshape(g, product, [kh, kw, channels, outChannels]), [3, 2, 0, 1]);
}

/** What each tap of the kernel sees of x, concatenated along the channel axis in the order (tap row, tap column, channel). */
function im2col(g: GraphBuilder, x: string, { window, x: shape }: Geometry, channelAxis: number): string {
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [top, left, bottom, right] = window.pads;
  const [oh, ow] = windowOutput(window, shape[1], shape[2]);
  if (kh === 1 && kw === 1 && sh === 1 && sw === 1 && window.pads.every((pad) => pad === 0)) return x;
  const padded = window.pads.some((pad) => pad > 0)
    ? g.op('Pad', [x, g.ints([0, 0, top, left, 0, 0, bottom, right])])
    : x;
  const taps: string[] = [];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const start = g.ints([i, j]);
      const end = g.ints([i + (oh - 1) * sh + 1, j + (ow - 1) * sw + 1]);
      taps.push(g.op('Slice', [padded, start, end, g.ints([2, 3]), g.ints([sh, sw])]));
    }
  }
  return taps.length === 1 ? taps[0]! : g.op('Concat', taps, { axis: channelAxis });
}
