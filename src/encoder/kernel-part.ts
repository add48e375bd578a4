/** Gradients that graphs leave to the kernel conv-weight-gradient, as its arguments. */
import type { Convolution } from '../autodiff/images.ts';
import type { KernelGradient } from '../autodiff/kernel-gradient.ts';
import type { ConvolutionShape } from '../kernels/convolution-shape.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { windowOutput } from '../onnx/attributes.ts';
import { count } from '../onnx/dims.ts';
import type { KernelPart, NamedShape } from './training-plan.ts';

/** A convolution as kernels take it, of any number of images. */
export function convolutionShape({
  window,
  x,
  outChannels: filters,
  groups,
}: Convolution): Omit<ConvolutionShape, 'batch'> {
  const [channels, height, width] = x;
  const [outHeight, outWidth] = windowOutput(window, height, width);
  const { kernel, strides, pads, dilations } = window;
  return {
    ...{ channels, height, width, filters, outHeight, outWidth },
    ...{ kernel, strides, pads, dilations, groups },
  };
}

/** @param weights with the one whose gradient it is */
export function kernelPart(
  { weight, x, dy, convolution }: KernelGradient,
  weights: readonly NamedShape[],
): KernelPart {
  const { name, shape } = weights.find((one) => one.name === weight)!;
  return {
    ...{ kind: 'kernel', weight: { name, shape }, x: x.name, dy: dy.name },
    convolution: convolutionShape(convolution),
  };
}

/** The gradient, of values in this thread's memory, which are copied to the kernels' and back. */
export async function runKernelPart(
  { weight, convolution }: KernelPart,
  kernels: Kernels,
  { x, dy, batch }: { readonly x: Float32Array; readonly dy: Float32Array; readonly batch: number },
): Promise<Float32Array> {
  const arrays = [x, dy].map((values) => {
    const array = kernels.allocate(values.length);
    kernels.write(array, values);
    return array;
  });
  const gradient = kernels.allocate(count(weight.shape));
  try {
    const [ofX, ofDy] = arrays;
    kernels.convWeightGradient({ ...convolution, batch, x: ofX!, dy: ofDy!, gradient, add: false });
    return await kernels.read(gradient);
  } finally {
    for (const array of [...arrays, gradient]) kernels.free(array);
  }
}
