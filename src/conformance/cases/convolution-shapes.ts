/** Shapes of convolutions, of which a case says what it is about. */
import type { ConvolutionShape } from '../../kernels/convolution-shape.ts';

/** What a shape says of itself; all else is 1, and pads 0. */
export type Given = Partial<Omit<ConvolutionShape, 'outHeight' | 'outWidth'>>;

export function shapeOf(given: Given): ConvolutionShape {
  const one = [1, 1] as const;
  const all = {
    ...{ batch: 1, channels: 1, height: 1, width: 1, filters: 1, groups: 1 },
    ...{ kernel: one, strides: one, dilations: one, pads: [0, 0, 0, 0] as const },
    ...given,
  };
  const out = (axis: 0 | 1, size: number) =>
    Math.floor(
      (size + all.pads[axis] + all.pads[axis + 2]! - all.dilations[axis] * (all.kernel[axis] - 1) - 1) /
        all.strides[axis],
    ) + 1;
  return { ...all, outHeight: out(0, all.height), outWidth: out(1, all.width) };
}

/**
 * Values that have to stay, behind a result: as many as seven planes too many would write over. So a wasm kernel that writes them is found;
 * were they fewer, it would write over its own geometry too, and never end.
 */
export const BEHIND = 4096;
