/** Shapes of convolutions, drawn. */
import fc from 'fast-check';
import type { ConvolutionShape } from '../../src/kernels/convolution-shape.ts';

const whole = (min: number, max: number) => fc.integer({ min, max });
const two = (max: number) => fc.tuple(whole(1, max), whole(1, max));

/** Convolutions with an output. */
export const shapes: fc.Arbitrary<ConvolutionShape> = fc
  .record({
    batch: whole(1, 5),
    ...{ each: whole(1, 5), filtersEach: whole(1, 18), groups: fc.constantFrom(1, 1, 2, 3) },
    ...{ out: two(9), kernel: two(4), strides: two(3), dilations: two(3), spare: two(2) },
    pads: fc.tuple(whole(0, 3), whole(0, 3), whole(0, 3), whole(0, 3)),
  })
  .map(({ each, filtersEach, out, spare, ...rest }) => {
    const { groups, kernel, strides, dilations, pads } = rest;
    const size = (axis: 0 | 1) =>
      (out[axis] - 1) * strides[axis] +
      (kernel[axis] - 1) * dilations[axis] +
      Math.min(spare[axis], strides[axis]) -
      pads[axis] -
      pads[axis + 2]!;
    const [outHeight, outWidth] = out;
    const sizes = { channels: groups * each, filters: groups * filtersEach, outHeight, outWidth };
    return { ...rest, ...sizes, height: size(0), width: size(1) };
  })
  .filter(({ height, width }) => height > 0 && width > 0);
