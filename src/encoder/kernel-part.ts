/** Gradients that graphs leave to the kernel conv-weight-gradient, as its arguments. */
import type { KernelGradient } from '../autodiff/kernel-gradient.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { windowOutput } from '../onnx/attributes.ts';
import { count } from '../onnx/dims.ts';
import type { KernelPart, NamedShape } from './training-plan.ts';

/** @param weights with the one whose gradient it is */
export function kernelPart(
  { weight, x, dy, convolution }: KernelGradient,
  weights: readonly NamedShape[],
): KernelPart {
  const { window, x: size, outChannels: filters, groups } = convolution;
  const [channels, height, width] = size;
  const [outHeight, outWidth] = windowOutput(window, height, width);
  const { kernel, strides, pads, dilations } = window;
  const { name, shape } = weights.find((one) => one.name === weight)!;
  return {
    ...{ kind: 'kernel', weight: { name, shape }, x: x.name, dy: dy.name },
    convolution: {
      ...{ channels, height, width, filters, outHeight, outWidth },
      ...{ kernel, strides, pads, dilations, groups },
    },
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
