/** What the taps of a window see of an image: im2col, and pooling by hand, are made of it. */
import { type Window, windowOutput } from '../onnx/attributes.ts';
import type { GraphBuilder } from '../onnx/graph.ts';
import type { Convolution } from './images.ts';

/** Of a convolution, or of a pooling. */
export type Windows = Pick<Convolution, 'window' | 'x'>;

/** Where height and width are: [N, C, H, W] or [N, H, W, C]. */
export type ImageLayout = 'channels-first' | 'channels-last';

/**
 * What each tap sees of x, in row-major order of the taps: images of the window's output size, as many channels as x.
 * @param fill what padding is, by default 0
 */
export function tapsOf(
  g: GraphBuilder,
  x: string,
  { window, x: [, height, width] }: Windows,
  { fill, layout = 'channels-first' }: { readonly fill?: number; readonly layout?: ImageLayout } = {},
): string[] {
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [dh, dw] = window.dilations;
  const [oh, ow] = windowOutput(window, height, width);
  if (isPixel(window)) return [x];
  const padded = pad(g, x, window, layout, fill);
  const axes = g.ints(layout === 'channels-first' ? [2, 3] : [1, 2]);
  return Array.from({ length: kh * kw }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kw) * dh, (tap % kw) * dw];
    const end = g.ints([i + (oh - 1) * sh + 1, j + (ow - 1) * sw + 1]);
    return g.op('Slice', [padded, g.ints([i, j]), end, axes, g.ints([sh, sw])]);
  });
}

/** Whether a window is one pixel, taken everywhere: 1×1, stride 1, no padding. */
export function isPixel({ kernel, strides, pads }: Window): boolean {
  return [...kernel, ...strides].every((n) => n === 1) && pads.every((n) => n === 0);
}

function pad(g: GraphBuilder, x: string, { pads }: Window, layout: ImageLayout, fill?: number): string {
  if (pads.every((n) => n === 0)) return x;
  const [top, left, bottom, right] = pads;
  const around =
    layout === 'channels-first'
      ? [0, 0, top, left, 0, 0, bottom, right]
      : [0, top, left, 0, 0, bottom, right, 0];
  return g.op('Pad', [x, g.ints(around), ...(fill === undefined ? [] : [g.scalar(fill)])]);
}
