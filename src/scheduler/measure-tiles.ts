/** Which tile computes the weight gradient of each convolution fastest on this GPU: a short measurement before a run begins. */
import type { KernelPart } from '../encoder/training-plan.ts';
import {
  CONV_TILE_NAMES,
  type ConvTile,
  type TileChoice,
  tileKey,
  usualTile,
} from '../kernels/conv-tiles.ts';
import { type ConvolutionShape, matrixOf } from '../kernels/convolution-shape.ts';
import type { WebGpuKernels } from '../kernels/webgpu/webgpu-kernels.ts';
import { type GpuTimer, gpuTimer } from './gpu-timer.ts';

/** Milliseconds for all of it. */
const MOST_MS = 1000;
/** Values of x and of dy (16 MiB), and products, of one call: enough to fill a GPU, few enough for many calls. */
const MOST_VALUES = 2 ** 22;
const MOST_PRODUCTS = 2 ** 31;
const CALLS = 3;
/** Another tile than the usual one has to be faster by so much: less is noise. */
const WORTH = 0.97;

/**
 * @param convolutions of the weight gradients that kernels compute
 * @param batch images of a run
 * @param most milliseconds that it may take
 * @returns the tile of each shape for which there was time
 */
export async function measureTiles(
  kernels: WebGpuKernels,
  convolutions: readonly KernelPart['convolution'][],
  batch: number,
  most: number = MOST_MS,
): Promise<TileChoice> {
  const start = performance.now();
  const shapes = new Map(convolutions.map((shape) => [tileKey(shape), shortened(shape, batch)]));
  // What takes longest first: time may run out.
  const inOrder = [...shapes].sort(([, a], [, b]) => productsOf(b, batch) - productsOf(a, batch));
  const choice: Record<string, ConvTile> = {};
  const timer = gpuTimer(kernels.device);
  try {
    for (const [key, shape] of inOrder) {
      if (performance.now() - start >= most) break;
      choice[key] = await fastest(kernels, timer, shape, () => performance.now() - start < most);
    }
  } finally {
    timer.dispose();
  }
  return choice;
}

/** Multiplications of one image, of so many. */
function productsOf(shape: Omit<ConvolutionShape, 'batch'>, images: number): number {
  const { columns } = matrixOf({ ...shape, batch: 1 });
  return images * shape.outHeight * shape.outWidth * shape.filters * columns;
}

/** With as many images as a short call takes. */
function shortened(shape: KernelPart['convolution'], batch: number): ConvolutionShape {
  const values = Math.max(
    shape.channels * shape.height * shape.width,
    shape.filters * shape.outHeight * shape.outWidth,
  );
  const images = Math.min(batch, MOST_VALUES / values, MOST_PRODUCTS / productsOf(shape, 1));
  return { ...shape, batch: Math.max(1, Math.floor(images)) };
}

async function fastest(
  kernels: WebGpuKernels,
  timer: GpuTimer,
  shape: ConvolutionShape,
  isTime: () => boolean,
): Promise<ConvTile> {
  const { batch, channels, height, width, filters, outHeight, outWidth } = shape;
  const { filters: each, columns } = matrixOf(shape);
  const usual = usualTile(each);
  const lengths = [batch * channels * height * width, batch * filters * outHeight * outWidth];
  const arrays = [...lengths, filters * columns].map((length) => kernels.allocate(length));
  const [x, dy, gradient] = arrays;
  const call = (tile: ConvTile) =>
    kernels.convWeightGradient({ ...shape, x: x!, dy: dy!, gradient: gradient!, add: false, tile });
  try {
    let best = usual;
    let least = Number.POSITIVE_INFINITY;
    for (const tile of [usual, ...CONV_TILE_NAMES.filter((name) => name !== usual)]) {
      if (!isTime()) break;
      // The first call of a shader may compile it.
      call(tile);
      const spent = await kernels.wait(
        timer.time(() => {
          for (let i = 0; i < CALLS; i++) call(tile);
        }),
      );
      if (spent >= (tile === usual ? least : WORTH * least)) continue;
      [best, least] = [tile, spent];
    }
    return best;
  } finally {
    for (const array of arrays) kernels.free(array);
  }
}
