/** What differs between the providers that run our graphs (docs/performance.md has the measurements). */
import { type Window, windowOutput } from '../onnx/attributes.ts';

/** wasm, webgpu: of onnxruntime-web 1.30; native: the CPU code of onnxruntime-node 1.30. */
export type Provider = 'wasm' | 'webgpu' | 'native';

export const PROVIDERS: readonly Provider[] = ['wasm', 'webgpu', 'native'];

/** Ways to write the weight gradient of a convolution without groups, see weight-gradient.ts. */
export type WeightGradientForm = 'pixels' | 'parts' | 'images' | 'taps';

/** How the weight gradients of convolutions are computed: by nodes of the backward graph, or by our kernel where it is faster. */
export const WEIGHT_GRADIENTS = ['graph', 'kernel'] as const;
export type WeightGradients = (typeof WEIGHT_GRADIENTS)[number];

interface ConvolutionSizes {
  readonly window: Window;
  /** [channels, height, width] of the input. */
  readonly x: readonly [number, number, number];
}

export interface Lowering {
  readonly provider: Provider;
  weightGradient(convolution: ConvolutionSizes): WeightGradientForm;
  /** Whether kernels/conv-weight-gradient.ts is faster than a graph. It depends on the shape alone: the two differ in the last bits. */
  kernelTakes(convolution: ConvolutionSizes): boolean;
  /**
   * Bytes that a session gives to kernels at a time, in gradients of activations: they live until its run ends, and a further run has a price. On
   * wasm they are small beside what is kept for a large network.
   */
  readonly givenAtOnce: number;
  /** Whether means over batch and space take as few nodes as they can, rather than one a dimension (channel-mean.ts). */
  readonly shortMeans: boolean;
  /** Its Gemm cuts long sums itself; where not, such a sum would run on one workgroup a tile, and we cut it. */
  readonly hasSplitK: boolean;
}

export const LOWERINGS: Readonly<Record<Provider, Lowering>> = {
  wasm: {
    ...{ provider: 'wasm', weightGradient: () => 'pixels', hasSplitK: true },
    ...{ kernelTakes: () => true, givenAtOnce: 2 ** 26, shortMeans: false },
  },
  webgpu: {
    ...{ provider: 'webgpu', weightGradient: () => 'parts', hasSplitK: false },
    ...{ kernelTakes: () => true, givenAtOnce: 2 ** 29, shortMeans: true },
  },
  native: {
    ...{ provider: 'native', weightGradient: nativeWeightGradient, hasSplitK: true },
    // Its Gemm has instructions that WebAssembly has not.
    ...{ kernelTakes: () => false, givenAtOnce: Number.POSITIVE_INFINITY, shortMeans: false },
  },
};

/** With fewer channels than this a Gemm for each tap has hardly anything to multiply. */
const FEW_CHANNELS = 8;
/** Pixels of an image from which on a product for each image is large enough to be fast. */
const LARGE_IMAGE = 196;

/** Measured by bench/native-convolutions.mjs at the shapes of ResNet-18 at 32 px and ResNet-50 at 224 px. */
function nativeWeightGradient({ window, x }: ConvolutionSizes): WeightGradientForm {
  const [channels, height, width] = x;
  if (channels < FEW_CHANNELS) return 'images';
  const isOnePixel = window.kernel.every((size) => size === 1);
  if (!isOnePixel) return 'taps';
  const [rows, columns] = windowOutput(window, height, width);
  return rows * columns >= LARGE_IMAGE ? 'images' : 'taps';
}
