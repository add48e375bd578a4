/**
 * The gradient of a convolution's weights, [O, C/groups, kh, kw] from images dy and x: sums over all pixels of all images,
 * which can be brought to matrix products in several ways. Which is fastest depends on the provider and on the shape:
 * `lowering.ts` chooses (docs/performance.md has what was measured).
 */
import { windowOutput } from '../onnx/attributes.ts';
import type { Dim, GraphBuilder } from '../onnx/graph.ts';
import type { Convolution } from './images.ts';
import type { WeightGradientForm } from './lowering.ts';
import { type BackwardScope, channelSum, reduceSum, reshape, transpose } from './rule.ts';
import { tapsOf } from './taps.ts';

type Form = (g: GraphBuilder, dy: string, x: string, geometry: Geometry) => string;

interface Geometry extends Convolution {
  /** Of the output. */
  readonly height: number;
  readonly width: number;
  readonly taps: number;
}

export function weightGradient(
  scope: BackwardScope,
  dy: string,
  x: string,
  convolution: Convolution,
): string {
  const { g, lowering } = scope;
  if (convolution.groups > 1) return inGroups(g, dy, x, geometryOf(convolution));
  return weightGradientAs(lowering.weightGradient(convolution), g, dy, x, convolution);
}

/** In a form of the caller's choice: for measurements. */
export function weightGradientAs(
  form: WeightGradientForm,
  g: GraphBuilder,
  dy: string,
  x: string,
  convolution: Convolution,
): string {
  return FORMS[form](g, dy, x, geometryOf(convolution));
}

function geometryOf(convolution: Convolution): Geometry {
  const { window, x } = convolution;
  const [height, width] = windowOutput(window, x[1], x[2]);
  return { ...convolution, height, width, taps: window.kernel[0] * window.kernel[1] };
}

/** One Gemm over all pixels: [taps·C, N·H·W] × [O, N·H·W]ᵀ: the smaller matrix is the one that gets packed. */
const pixels: Form = (g, dy, x, geometry) => {
  const { taps, outChannels, x: shape, window } = geometry;
  const columns = joined(g, tapsOf(g, transpose(g, x, [1, 0, 2, 3]), geometry), 0);
  const left = reshape(g, columns, [taps * shape[0], -1]);
  const right = reshape(g, transpose(g, dy, [1, 0, 2, 3]), [outChannels, -1]);
  const product = g.op('Gemm', [left, right], { transB: 1 });
  return transpose(g, reshape(g, product, [...window.kernel, shape[0], outChannels]), [3, 2, 0, 1]);
};

/**
 * The pixels cut into parts: [parts, O, pixels] × [parts, pixels, taps·C], then the sum over the parts. For providers
 * without split-K, whose Gemm over all pixels would run on one workgroup a tile.
 */
const parts: Form = (g, dy, x, geometry) => {
  const { batch, height, width, taps, outChannels, window, x: shape } = geometry;
  const terms = taps * shape[0];
  const { split, merge } = cutPixels(batch, height, width, outChannels * terms);
  const each = (height * width) / split;
  const columns = reshape(g, joined(g, tapsOf(g, x, geometry), 1), [0, terms, split, each]);
  const right = reshape(g, transpose(g, columns, [0, 2, 3, 1]), [-1, merge * each, terms]);
  let left = dy;
  if (split > 1) left = transpose(g, reshape(g, dy, [0, outChannels, split, each]), [0, 2, 1, 3]);
  if (merge > 1) left = transpose(g, reshape(g, dy, [-1, merge, outChannels, each]), [0, 2, 1, 3]);
  const products = g.op('MatMul', [reshape(g, left, [-1, outChannels, merge * each]), right]);
  return fromTapsLast(g, reduceSum(g, products, [0]), outChannels, window.kernel, shape[0]);
};

/** A product for each image, then the sum over the images: no image is transposed; onnxruntime reads one operand so. */
const images: Form = (g, dy, x, geometry) => {
  const { height, width, taps, outChannels, window, x: shape } = geometry;
  const plane = height * width;
  const terms = taps * shape[0];
  const columns = reshape(g, joined(g, tapsOf(g, x, geometry), 1), [0, terms, plane]);
  const gradients = reshape(g, dy, [0, outChannels, plane]);
  const turned = (matrix: string) => transpose(g, matrix, [0, 2, 1]);
  if (outChannels > terms) {
    const products = g.op('MatMul', [gradients, turned(columns)]);
    return fromTapsLast(g, reduceSum(g, products, [0]), outChannels, window.kernel, shape[0]);
  }
  const products = g.op('MatMul', [columns, turned(gradients)]);
  const sum = reshape(g, reduceSum(g, products, [0]), [...window.kernel, shape[0], outChannels]);
  return transpose(g, sum, [3, 2, 0, 1]);
};

/** Values of x that the products of `taps` go through together: 2 MiB, which second-level caches hold. */
const TOGETHER = 2 ** 19;

/** Channels last, and a Gemm for each tap: dyᵀ [O, pixels] × what the tap sees [pixels, C]; a part of the images at a time. */
const taps: Form = (g, dy, x, geometry) => {
  const { batch, outChannels, window, x: shape } = geometry;
  const channelsLast = (value: string) => transpose(g, value, [0, 2, 3, 1]);
  const sums = imagesInParts(g, [dy, x], batch, shape[0] * shape[1] * shape[2]).map(([ofDy, ofX]) => {
    const left = reshape(g, channelsLast(ofDy), [-1, outChannels]);
    const seen = tapsOf(g, channelsLast(ofX), geometry, { layout: 'channels-last' });
    const products = seen.map((tap) => {
      const product = g.op('Gemm', [left, reshape(g, tap, [-1, shape[0]])], { transA: 1 });
      return reshape(g, product, [outChannels, 1, shape[0]]);
    });
    return joined(g, products, 1);
  });
  const sum = sums.length === 1 ? sums[0]! : g.op('Sum', sums);
  return fromTapsLast(g, sum, outChannels, window.kernel, shape[0]);
};

const FORMS: Readonly<Record<WeightGradientForm, Form>> = { pixels, parts, images, taps };

/**
 * Depthwise: for each tap a product and its channel sums. Other groups: a MatMul for each image and group, dy [O/g, pixels]
 * × im2col [pixels, C/g·taps], and the sum over the images. The taps are joined along the height, which puts them
 * beside their channel: no transposition of x.
 */
const inGroups: Form = (g, dy, x, geometry) => {
  const { window, outChannels, groups, height, width, taps: count } = geometry;
  const [channels] = geometry.x;
  const [kh, kw] = window.kernel;
  const seen = tapsOf(g, x, geometry);
  if (channels === groups && outChannels === groups) {
    const sums = seen.map((tap) => reshape(g, channelSum(g, g.op('Mul', [tap, dy])), [channels, 1]));
    return reshape(g, joined(g, sums, 1), [channels, 1, kh, kw]);
  }
  const terms = (channels / groups) * count;
  const plane = height * width;
  const columns = reshape(g, joined(g, seen, 2), [0, groups, terms, plane]);
  const left = reshape(g, dy, [0, groups, outChannels / groups, plane]);
  const products = g.op('MatMul', [left, transpose(g, columns, [0, 1, 3, 2])]);
  return reshape(g, reduceSum(g, products, [0]), [outChannels, channels / groups, kh, kw]);
};

function joined(g: GraphBuilder, values: readonly string[], axis: number): string {
  return values.length === 1 ? values[0]! : g.op('Concat', values, { axis });
}

/** [O, taps·C] → [O, C, kh, kw]. */
function fromTapsLast(
  g: GraphBuilder,
  sum: string,
  outChannels: number,
  [kh, kw]: readonly [number, number],
  channels: number,
): string {
  if (kh * kw === 1) return reshape(g, sum, [outChannels, channels, 1, 1]);
  const turned = transpose(g, reshape(g, sum, [outChannels, kh * kw, channels]), [0, 2, 1]);
  return reshape(g, turned, [outChannels, channels, kh, kw]);
}

/** The images of [dy, x] cut into equal parts of at most TOGETHER values of x, where their number is known. */
function imagesInParts(
  g: GraphBuilder,
  whole: readonly [string, string],
  batch: Dim,
  size: number,
): (readonly [string, string])[] {
  if (typeof batch !== 'number') return [whole];
  const count = smallestDivisor(batch, (parts) => (batch / parts) * size <= TOGETHER);
  if (count === 1) return [whole];
  const each = batch / count;
  return Array.from({ length: count }, (_, part) => {
    const bounds = [g.ints([part * each]), g.ints([(part + 1) * each]), g.ints([0])];
    return [g.op('Slice', [whole[0], ...bounds]), g.op('Slice', [whole[1], ...bounds])] as const;
  });
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
