/** A convolution in float64, and the error bounds of a float32 kernel. */
import { type ConvolutionShape, matrixOf } from '../../kernels/convolution-shape.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';

/** Roundings that a product meets: its own, and those of the sum that it is part of. */
export const CONVOLUTION_BOUNDS: Bounds<(shape: ConvolutionShape) => number> = {
  wasm: (shape) => matrixOf(shape).columns,
  webgpu: (shape) => matrixOf(shape).columns,
};

export function convolutionReference(
  x: Float32Array,
  weight: Float32Array,
  shape: ConvolutionShape,
  accuracy: Accuracy,
): Bounded {
  const { batch, filters, outHeight, outWidth } = shape;
  const { columns } = matrixOf(shape);
  const roundings = CONVOLUTION_BOUNDS[accuracy.backend](shape);
  const exact = new Float64Array(batch * filters * outHeight * outWidth);
  const bound = new Float64Array(exact.length);
  let i = 0;
  for (let n = 0; n < batch; n++) {
    for (let f = 0; f < filters; f++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++, i++) {
          const { sum, size } = valueAt(x, weight, shape, [n, f, oy, ox]);
          exact[i] = sum;
          // What is a denormal may count as 0.
          bound[i] = roundings * U * size + accuracy.smallest * (2 * columns + 1);
        }
      }
    }
  }
  return { exact, bound };
}

/** A sum, and that of the sizes of its products. */
function valueAt(
  x: Float32Array,
  weight: Float32Array,
  shape: ConvolutionShape,
  [n, f, oy, ox]: readonly [number, number, number, number],
): { sum: number; size: number } {
  const { channels, height, width, filters, groups, kernel, strides, pads, dilations } = shape;
  const each = channels / groups;
  const first = Math.floor(f / (filters / groups)) * each;
  let [sum, size] = [0, 0];
  for (let c = 0; c < each; c++) {
    for (let ky = 0; ky < kernel[0]; ky++) {
      const iy = oy * strides[0] + ky * dilations[0] - pads[0];
      if (iy < 0 || iy >= height) continue;
      for (let kx = 0; kx < kernel[1]; kx++) {
        const ix = ox * strides[1] + kx * dilations[1] - pads[1];
        if (ix < 0 || ix >= width) continue;
        const seen = x[((n * channels + first + c) * height + iy) * width + ix]!;
        const product = seen * weight[((f * each + c) * kernel[0] + ky) * kernel[1] + kx]!;
        sum += product;
        size += Math.abs(product);
      }
    }
  }
  return { sum, size };
}
