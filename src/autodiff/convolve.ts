/** Convolutions and their transposes, in forms that the provider computes right. */
import type { Window } from '../onnx/attributes.ts';
import type { Attributes, GraphBuilder } from '../onnx/graph.ts';
import { extent, windowAttributes } from './images.ts';
import type { Lowering } from './lowering.ts';
import { reshape, transpose } from './rule.ts';

interface Target {
  readonly g: GraphBuilder;
  readonly lowering: Lowering;
}

/**
 * A Conv. onnxruntime-web 1.30's WebGPU provider gives wrong values where its shader takes three channels at a time and
 * there are more than three: there, channels of zeros make it take four. Groups go another way.
 * @param inputs x, w and perhaps a bias
 */
export function convolve(
  { g, lowering }: Target,
  inputs: readonly string[],
  sizes: {
    readonly channels: number;
    readonly outChannels: number;
    readonly groups: number;
    /** Of x: 3 or 4. */
    readonly rank: number;
    readonly attributes: Attributes;
    readonly output?: string;
  },
): string {
  const { channels, outChannels, groups, rank, attributes, output } = sizes;
  const byThree = channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outChannels % 4 === 0;
  if (lowering.provider !== 'webgpu' || !byThree || groups > 1) {
    return g.op('Conv', inputs, attributes, output);
  }
  const [x = '', w = '', ...bias] = inputs;
  const none = Array.from({ length: rank }, () => 0);
  const zeros = g.ints([...none, ...none.with(1, 4 - (channels % 4))]);
  return g.op('Conv', [g.op('Pad', [x, zeros]), g.op('Pad', [w, zeros]), ...bias], attributes, output);
}

export interface TransposedSizes {
  /** Height and width of x. */
  readonly size: readonly [number, number];
  readonly window: Window;
  readonly outputPadding: readonly [number, number];
  readonly channels: number;
  readonly outChannels: number;
  readonly groups: number;
}

/** Whether the WebGPU provider (1.30) computes this ConvTranspose wrong. */
export function isTransposedWrong(
  { lowering }: Pick<Target, 'lowering'>,
  { channels, outChannels, groups }: Pick<TransposedSizes, 'channels' | 'outChannels' | 'groups'>,
): boolean {
  return (
    lowering.provider === 'webgpu' && groups > 1 && outChannels === groups && (channels / groups) % 2 === 0
  );
}

/**
 * A ConvTranspose of images. Where the provider would compute it wrong: zeros between the pixels, and a convolution
 * with the flipped weights.
 * @param inputs x, w and perhaps a bias
 */
export function convolveTransposed(
  target: Target,
  inputs: readonly string[],
  sizes: TransposedSizes,
  output?: string,
): string {
  const { g } = target;
  const { size, window, outputPadding, channels, outChannels, groups } = sizes;
  const group: Attributes = groups > 1 ? { group: groups } : {};
  if (!isTransposedWrong(target, sizes)) {
    const attributes = { ...windowAttributes(window), output_padding: outputPadding, ...group };
    return g.op('ConvTranspose', inputs, attributes, output);
  }
  const [x = '', w = '', ...bias] = inputs;
  const [sh, sw] = window.strides;
  const [top, left, bottom, right] = window.pads;
  const [h, v] = [extent(window, 0) - 1, extent(window, 1) - 1];
  let spread = x;
  if (sh > 1 || sw > 1) {
    const apart = g.op('Unsqueeze', [x, g.ints([3, 5])]);
    const padded = g.op('Pad', [apart, g.ints([0, 0, 0, 0, 0, 0, 0, 0, 0, sh - 1, 0, sw - 1])]);
    spread = reshape(g, padded, [0, channels, size[0] * sh, size[1] * sw]);
  }
  // The zeros after the last pixel are there already; what is too much is cut off.
  const ends = [bottom, right].map(
    (pad, axis) => [h, v][axis]! - pad + outputPadding[axis]! - (window.strides[axis]! - 1),
  );
  const border = g.ints([0, 0, h - top, v - left, 0, 0, ...ends]);
  const flipped = flip(
    g,
    swapChannels(g, w, groups, [channels, outChannels, ...window.kernel]),
    window.kernel,
  );
  const attributes = { ...windowAttributes({ ...window, strides: [1, 1], pads: [0, 0, 0, 0] }), ...group };
  return g.op('Conv', [g.op('Pad', [spread, border]), flipped, ...bias], attributes, output);
}

/** [groups·a, b, kh, kw] → [groups·b, a, kh, kw]: within each group, channels in and out change places. */
export function swapChannels(
  g: GraphBuilder,
  w: string,
  groups: number,
  [first, second, kh, kw]: readonly [number, number, number, number],
): string {
  if (groups === 1) return transpose(g, w, [1, 0, 2, 3]);
  const [a, b] = [first / groups, second / groups];
  if (a === 1 && b === 1) return w;
  const apart = transpose(g, reshape(g, w, [groups, a, b, kh * kw]), [0, 2, 1, 3]);
  return reshape(g, apart, [groups * b, a, kh, kw]);
}

/** The kernels turned round. */
export function flip(g: GraphBuilder, w: string, [kh, kw]: readonly [number, number]): string {
  if (kh === 1 && kw === 1) return w;
  const end = g.ints([-kh - 1, -kw - 1]);
  return g.op('Slice', [w, g.ints([-1, -1]), end, g.ints([2, 3]), g.ints([-1, -1])]);
}
