/** The gradient of a convolution's weights in float64, and the error bounds of a float32 kernel. */
import { chunksOf, slicesOf } from '../../kernels/conv-weight-gradient.ts';
import { type ConvolutionShape, matrixOf } from '../../kernels/convolution-shape.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';

/** Roundings that a product meets on its way into the sum: its own, those of its part, and those of the parts. */
export const CONV_WEIGHT_GRADIENT_BOUNDS: Bounds<(shape: ConvolutionShape) => number> = {
  wasm: (shape) => {
    const { pixels, chunks } = chunksOf(shape);
    return pixels + chunks;
  },
  webgpu: (shape) => {
    const { pixels, slices } = slicesOf(shape);
    return pixels + slices;
  },
};

/** What is added to `before`, where that is given. */
export function convWeightGradientReference(
  x: Float32Array,
  dy: Float32Array,
  shape: ConvolutionShape,
  accuracy: Accuracy,
  before: Float32Array | null = null,
): Bounded {
  const { filters, groups, channels, kernel } = shape;
  const { filters: each, columns } = matrixOf(shape);
  const roundings = CONV_WEIGHT_GRADIENT_BOUNDS[accuracy.backend](shape);
  const exact = new Float64Array(filters * columns);
  const bound = new Float64Array(filters * columns);
  for (let i = 0; i < exact.length; i++) {
    const f = Math.floor(i / columns);
    const channel =
      Math.floor(f / each) * (channels / groups) + Math.floor((i % columns) / (kernel[0] * kernel[1]));
    const tap = i % (kernel[0] * kernel[1]);
    const { sum, size, count } = weightOf(x, dy, shape, f, channel, [
      Math.floor(tap / kernel[1]),
      tap % kernel[1],
    ]);
    const old = before?.[i] ?? 0;
    exact[i] = old + sum;
    // What is a denormal may count as 0.
    const flushed = accuracy.smallest * (2 * count + 1);
    bound[i] =
      roundings * U * size + (before ? U * (Math.abs(exact[i]!) + roundings * U * size) : 0) + flushed;
  }
  return { exact, bound };
}

/** A weight's sum, that of the sizes of its products, and how many they are. */
function weightOf(
  x: Float32Array,
  dy: Float32Array,
  shape: ConvolutionShape,
  filter: number,
  channel: number,
  [ky, kx]: readonly [number, number],
): { sum: number; size: number; count: number } {
  const { batch, channels, height, width, filters, outHeight, outWidth, strides, pads, dilations } = shape;
  let [sum, size, count] = [0, 0, 0];
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const iy = oy * strides[0] + ky * dilations[0] - pads[0];
      if (iy < 0 || iy >= height) continue;
      const from = ((n * channels + channel) * height + iy) * width;
      const out = ((n * filters + filter) * outHeight + oy) * outWidth;
      for (let ox = 0; ox < outWidth; ox++) {
        const ix = ox * strides[1] + kx * dilations[1] - pads[1];
        if (ix < 0 || ix >= width) continue;
        const product = x[from + ix]! * dy[out + ox]!;
        sum += product;
        size += Math.abs(product);
        count++;
      }
    }
  }
  return { sum, size, count };
}
