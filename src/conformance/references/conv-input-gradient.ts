/** The gradient of a convolution's input in float64, and the error bounds of a float32 kernel. */
import type { ConvolutionShape } from '../../kernels/convolution-shape.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';

/** Roundings that a product of so many meets: its own, and those of the sum that they are part of. */
const CONV_INPUT_GRADIENT_BOUNDS: Bounds<(products: number) => number> = {
  wasm: (products) => products,
  webgpu: (products) => products,
};

/** Each value of dy goes to the pixels that it was computed from: the kernels go the other way. */
export function convInputGradientReference(
  dy: Float32Array,
  weight: Float32Array,
  shape: ConvolutionShape,
  accuracy: Accuracy,
): Bounded {
  const { batch, channels, height, width, filters, outHeight, outWidth } = shape;
  const length = batch * channels * height * width;
  const sums: Sums = {
    exact: new Float64Array(length),
    sizes: new Float64Array(length),
    products: new Int32Array(length),
  };
  let i = 0;
  for (let n = 0; n < batch; n++) {
    for (let f = 0; f < filters; f++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) scatter(sums, dy[i++]!, weight, shape, [n, f, oy, ox]);
      }
    }
  }
  const { exact, sizes, products } = sums;
  const roundings = CONV_INPUT_GRADIENT_BOUNDS[accuracy.backend];
  // What is a denormal may count as 0.
  const bound = sizes.map(
    (size, at) => roundings(products[at]!) * U * size + accuracy.smallest * 2 * products[at]!,
  );
  return { exact, bound };
}

/** Of each pixel: its gradient, the sizes of the products in it, and how many these are. */
interface Sums {
  readonly exact: Float64Array;
  readonly sizes: Float64Array;
  readonly products: Int32Array;
}

function scatter(
  { exact, sizes, products }: Sums,
  value: number,
  weight: Float32Array,
  shape: ConvolutionShape,
  [n, f, oy, ox]: readonly [number, number, number, number],
): void {
  const { channels, height, width, filters, groups, kernel, strides, pads, dilations } = shape;
  const each = channels / groups;
  const first = n * channels + Math.floor(f / (filters / groups)) * each;
  for (let ky = 0; ky < kernel[0]; ky++) {
    const iy = oy * strides[0] + ky * dilations[0] - pads[0];
    if (iy < 0 || iy >= height) continue;
    for (let kx = 0; kx < kernel[1]; kx++) {
      const ix = ox * strides[1] + kx * dilations[1] - pads[1];
      if (ix < 0 || ix >= width) continue;
      for (let c = 0; c < each; c++) {
        const product = value * weight[((f * each + c) * kernel[0] + ky) * kernel[1] + kx]!;
        const pixel = ((first + c) * height + iy) * width + ix;
        exact[pixel]! += product;
        sizes[pixel]! += Math.abs(product);
        products[pixel]!++;
      }
    }
  }
}
