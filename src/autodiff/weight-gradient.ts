/**
 * The gradient of a convolution's weights. 1×1: a Gemm over all pixels; otherwise a Gemm with the im2col of x. On WebGPU,
 * whose Gemm has no split-K, the pixels are cut into parts: a batched MatMul, and the sum over the parts. Groups go another
 * way (docs/performance.md has what was measured).
 */
import { windowOutput } from '../onnx/attributes.ts';
import type { Dim, GraphBuilder } from '../onnx/graph.ts';
import type { Convolution } from './images.ts';
import { type BackwardScope, channelSum, reduceSum, reshape, transpose } from './rule.ts';

/** [O, C/groups, kh, kw] from images dy and x. */
export function weightGradient(scope: BackwardScope, dy: string, x: string, geometry: Convolution): string {
  const { g, lowering } = scope;
  const { window, outChannels } = geometry;
  if (geometry.groups > 1) return groupedWeightGradient(g, dy, x, geometry);
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
function im2col(g: GraphBuilder, x: string, { window, x: shape }: Convolution, channelAxis: number): string {
  const one = [...window.kernel, ...window.strides].every((n) => n === 1);
  if (one && window.pads.every((pad) => pad === 0)) return x;
  const seen = tapsOf(g, x, { window, x: shape });
  return seen.length === 1 ? seen[0]! : g.op('Concat', seen, { axis: channelAxis });
}

/** What each tap of a window sees of x, in row-major order of the taps: [N, C, oh, ow] each. `fill` is what padding is. */
export function tapsOf(
  g: GraphBuilder,
  x: string,
  { window, x: [, height, width] }: Pick<Convolution, 'window' | 'x'>,
  fill?: number,
): string[] {
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [dh, dw] = window.dilations;
  const [top, left, bottom, right] = window.pads;
  const [oh, ow] = windowOutput(window, height, width);
  let padded = x;
  if (window.pads.some((pad) => pad > 0)) {
    const value = fill === undefined ? [] : [g.scalar(fill)];
    padded = g.op('Pad', [x, g.ints([0, 0, top, left, 0, 0, bottom, right]), ...value]);
  }
  return Array.from({ length: kh * kw }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kw) * dh, (tap % kw) * dw];
    const end = g.ints([i + (oh - 1) * sh + 1, j + (ow - 1) * sw + 1]);
    return g.op('Slice', [padded, g.ints([i, j]), end, g.ints([2, 3]), g.ints([sh, sw])]);
  });
}

/**
 * Depthwise: for each tap a product and its channel sums. Other groups: a MatMul for each image and group, dy [O/g, pixels]
 * × im2col [pixels, C/g·taps], and the sum over the images. The taps are joined along the height, which puts them
 * beside their channel: no transposition of x.
 */
function groupedWeightGradient(g: GraphBuilder, dy: string, x: string, geometry: Convolution): string {
  const { window, outChannels, groups } = geometry;
  const [channels, height, width] = geometry.x;
  const [kh, kw] = window.kernel;
  const taps = kh * kw;
  const seen = tapsOf(g, x, geometry);
  if (channels === groups && outChannels === groups) {
    const sums = seen.map((tap) => reshape(g, channelSum(g, g.op('Mul', [tap, dy])), [channels, 1]));
    const joined = sums.length === 1 ? sums[0]! : g.op('Concat', sums, { axis: 1 });
    return reshape(g, joined, [channels, 1, kh, kw]);
  }
  const [oh, ow] = windowOutput(window, height, width);
  const terms = (channels / groups) * taps;
  const joined = seen.length === 1 ? seen[0]! : g.op('Concat', seen, { axis: 2 });
  const columns = transpose(g, reshape(g, joined, [0, groups, terms, oh * ow]), [0, 1, 3, 2]);
  const products = g.op('MatMul', [reshape(g, dy, [0, groups, outChannels / groups, oh * ow]), columns]);
  return reshape(g, reduceSum(g, products, [0]), [outChannels, channels / groups, kh, kw]);
}
