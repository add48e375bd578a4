/**
 * Convolution: y = x ⋆ w (cross-correlation, as in PyTorch).
 *
 *   dx  stride 1: dy convolved with the flipped, transposed weights; otherwise ConvTranspose
 *   dw  1×1: a Gemm over all pixels; otherwise a Gemm with the im2col of x. On WebGPU, whose Gemm has no split-K, the
 *       pixels are cut into parts: a batched MatMul, and the sum over the parts
 */
import { MocoError } from '../errors.ts';
import { intAttribute, type Window, windowOf, windowOutput } from '../onnx/attributes.ts';
import type { Attributes, Dim, GraphBuilder, Node } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import type { Lowering } from './lowering.ts';
import {
  type BackwardScope,
  channelSum,
  copyNode,
  type LoweringScope,
  type Rule,
  reduceSum,
  reshape,
  transpose,
} from './rule.ts';

export const conv: Rule = {
  lower(node: Node, scope: LoweringScope): void {
    const [x = '', w = '', ...bias] = node.inputs;
    const [outChannels, channels] = scope.shape(w).map(Number);
    if (intAttribute(node, 'group', 1) !== 1) copyNode(scope.g, node);
    else convolve(scope, [x, w, ...bias], channels ?? 0, outChannels ?? 0, node.attributes, node.outputs[0]);
  },

  backward(node: Node, dy: string, scope: BackwardScope) {
    const [x = '', w = '', bias] = node.inputs;
    if (intAttribute(node, 'group', 1) !== 1) {
      throw new MocoError('operator-unsupported', `node ${node.name} (Conv): groups are not supported`);
    }
    const weightShape = scope.shape(w);
    const geometry: Geometry = {
      window: windowOf(
        node,
        image(node, scope.shape(x)).slice(2) as [number, number],
        weightShape.slice(2).map(Number),
      ),
      batch: scope.shape(x)[0] ?? 1,
      x: image(node, scope.shape(x)).slice(1) as [number, number, number],
      outChannels: fixed(node, weightShape[0]),
    };
    return [
      scope.wants(x) ? inputGradient(scope, dy, scope.value(w), geometry) : null,
      scope.wants(w) ? weightGradient(scope, dy, scope.value(x), geometry) : null,
      bias !== undefined && scope.wants(bias) ? channelSum(scope.g, dy) : null,
    ];
  },
};

interface Geometry {
  readonly window: Window;
  readonly batch: Dim;
  /** [channels, height, width] of the input. */
  readonly x: readonly [number, number, number];
  readonly outChannels: number;
}

/**
 * A convolution of `channels` into `outChannels`. onnxruntime-web 1.30's WebGPU provider gives wrong values where its
 * shader takes three channels at a time and there are more than three: there, channels of zeros make it take four.
 */
function convolve(
  { g, lowering }: { readonly g: GraphBuilder; readonly lowering: Lowering },
  [x = '', w = '', ...bias]: readonly string[],
  channels: number,
  outChannels: number,
  attributes: Attributes,
  output?: string,
): string {
  const byThree = channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outChannels % 4 === 0;
  if (lowering.provider !== 'webgpu' || !byThree) return g.op('Conv', [x, w, ...bias], attributes, output);
  const zeros = g.ints([0, 0, 0, 0, 0, 4 - (channels % 4), 0, 0]);
  return g.op('Conv', [g.op('Pad', [x, zeros]), g.op('Pad', [w, zeros]), ...bias], attributes, output);
}

function inputGradient(scope: BackwardScope, dy: string, w: string, geometry: Geometry): string {
  const { g } = scope;
  const { window, x, outChannels } = geometry;
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
      const attributes = { kernel_shape: [kh, kw], strides: [1, 1], pads };
      return convolve(scope, [dy, flipped], outChannels, x[0], attributes);
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
    // [parts, O, pixels] × [parts, pixels, taps·C], then the sum over the parts.
    const { split, merge } = cutPixels(geometry.batch, oh, ow, outChannels * taps * channels);
    const pixels = (oh * ow) / split;
    const columns = reshape(g, im2col(g, x, geometry, 1), [0, taps * channels, split, pixels]);
    const right = reshape(g, transpose(g, columns, [0, 2, 3, 1]), [-1, merge * pixels, taps * channels]);
    let left = dy;
    if (split > 1) left = transpose(g, reshape(g, dy, [0, outChannels, split, pixels]), [0, 2, 1, 3]);
    if (merge > 1) left = transpose(g, reshape(g, dy, [-1, merge, outChannels, pixels]), [0, 2, 1, 3]);
    const products = g.op('MatMul', [reshape(g, left, [-1, outChannels, merge * pixels]), right]);
    const sum = reduceSum(g, products, [0]);
    return transpose(g, reshape(g, sum, [outChannels, kh, kw, channels]), [0, 3, 1, 2]);
  }
  // [taps·C, N·H·W] × [O, N·H·W]ᵀ: the smaller matrix is the one that gets packed.
  const columns = reshape(g, im2col(g, transpose(g, x, [1, 0, 2, 3]), geometry, 0), [taps * channels, -1]);
  const pixels = reshape(g, transpose(g, dy, [1, 0, 2, 3]), [outChannels, -1]);
  const product = g.op('Gemm', [columns, pixels], { transB: 1 });
  return transpose(g, reshape(g, product, [kh, kw, channels, outChannels]), [3, 2, 0, 1]);
}

/** Pixels of a part: enough of them to fill tiles, few enough that sums of sums round less than one long sum. */
const PART = 256;
/** Values that the products of all parts may take (64 MiB). */
const MOST_PRODUCTS = 2 ** 24;

/**
 * How the N·H·W pixels of a batch are cut into parts of about PART: rows of an image are split, or images merged. Parts
 * grow where their products, `size` values each, would take too much memory.
 */
function cutPixels(
  batch: Dim,
  height: number,
  width: number,
  size: number,
): { split: number; merge: number } {
  const space = height * width;
  for (let part = PART; ; part *= 2) {
    const split = smallestDivisor(height, (rows) => (height / rows) * width <= part);
    const images = typeof batch === 'number' ? batch : 1;
    const merge =
      split > 1 ? 1 : images / smallestDivisor(images, (parts) => (images / parts) * space <= part);
    if ((images * split * size) / merge <= MOST_PRODUCTS || (split === 1 && merge === images)) {
      return { split, merge };
    }
  }
}

/** The smallest divisor of n for which something holds, or n itself. */
function smallestDivisor(n: number, holds: (divisor: number) => boolean): number {
  for (let divisor = 1; divisor < n; divisor++) if (n % divisor === 0 && holds(divisor)) return divisor;
  return n;
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
