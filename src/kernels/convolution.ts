/** A convolution (cross-correlation, as in PyTorch) of images in groups, strided, padded, dilated: a product of matrices, without im2col. */
import text from '../../shaders/convolution.wgsl';
import { expectOwn } from './checks.ts';
import { type ConvolutionShape, expectConvolution, matrixOf } from './convolution-shape.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface ConvolutionArguments extends ConvolutionShape {
  /** [N, C, height, width] */
  readonly x: DeviceArray;
  /** [F, C/groups, kernel height, kernel width] */
  readonly weight: DeviceArray;
  /**
   * out [N, F, outHeight, outWidth]: the sum over channels c of the filter's group and taps (ky, kx) of
   * weight[f, c, ky, kx] · x[n, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left], where x is 0 outside of the image.
   * What is not finite spoils what it is part of.
   */
  readonly y: DeviceArray;
}

export interface ConvolutionExports {
  convolution(
    x: number,
    weight: number,
    y: number,
    geometry: number,
    first: number,
    count: number,
    scratch: number,
  ): void;
}

/** On wasm, about how many values of x are packed at a time, of one group: 256 KiB, which stay in a second-level cache. */
const PACKED = 2 ** 16;
/** Filters of a panel (wasm/convolution.ts). */
const PANEL = 8;
/** Bytes of the geometry, and of what is a call's own beside weights, pixels and what is packed. */
const GEOMETRY = 96;
const OWN = 160;

/** How wasm takes the pixels: whole images at a time, or rows of one. It depends on the shape alone. */
export function convolutionChunks(shape: ConvolutionShape) {
  const { batch, channels, groups, outHeight, kernel, strides, dilations } = shape;
  const extent = (axis: 0 | 1, count: number) =>
    (count - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
  const width = extent(1, shape.outWidth);
  const line = width * (channels / groups);
  const image = line * extent(0, outHeight);
  const fitting = Math.floor((PACKED / line - extent(0, 1)) / strides[0]) + 1;
  const rows = image <= PACKED ? outHeight : evenly(outHeight, fitting);
  const images = rows < outHeight ? 1 : evenly(batch, PACKED / image);
  const height = extent(0, rows);
  return { images, rows, height, width, packed: images * height * line };
}

/** The size of parts that are about equal and at most `most`, which counts as 1 where it is less. */
function evenly(whole: number, most: number): number {
  return Math.ceil(whole / Math.ceil(whole / Math.max(1, Math.floor(most))));
}

/** Bytes that a call takes beside its arrays, on one thread. */
export function convolutionScratch(shape: ConvolutionShape): number {
  const { images, rows, packed } = convolutionChunks(shape);
  const { filters, columns } = matrixOf(shape);
  const weights = PANEL * Math.ceil(filters / PANEL) * columns;
  const bytes = OWN + 4 * weights + 8 * (images * rows * shape.outWidth + 3) + 4 * packed;
  return 16 * Math.ceil(bytes / 16);
}

const shader = shaderOf([{ name: 'convolution.wgsl', text }], ['read', 'read', 'write']);

export const convolution: Kernel<ConvolutionArguments, void, ConvolutionExports> = {
  shaders: [shader],

  check(args, checks) {
    expectConvolution(args);
    const { batch, channels, height, width, filters, outHeight, outWidth, x, weight, y } = args;
    checks.matrix('x', x, batch * channels, height * width);
    checks.matrix('weight', weight, filters, matrixOf(args).columns);
    checks.matrix('y', y, batch * filters, outHeight * outWidth);
    expectOwn({ y }, { x, weight });
  },

  webgpu(args, { at, run }) {
    const { channels, height, width, filters, outHeight, outWidth, kernel, strides, pads } = args;
    const sizes = [args.y.length, channels, height, width, filters, outHeight, outWidth];
    run([
      {
        shader,
        parameters: [...sizes, ...kernel, ...strides, pads[0], pads[1], ...args.dilations, args.groups],
        buffers: [at(args.x), at(args.weight), at(args.y)],
        workgroups: elements(args.y.length),
      },
    ]);
  },

  /** An image depends on no other: calls take some images each. */
  wasm(args, { at, exports, threadsFor, borrow, share }) {
    const { batch, channels, height, width, filters, outHeight, outWidth, groups } = args;
    const chunks = convolutionChunks(args);
    const work = (batch * outHeight * outWidth * filters * matrixOf(args).columns) / 4;
    const most = Math.ceil(batch / Math.min(batch, threadsFor(work)));
    const calls = Math.ceil(batch / most);
    const bytes = convolutionScratch(args);
    borrow(
      GEOMETRY + calls * bytes,
      `the scratch of a convolution of ${filters} filters`,
      (address, memory) => {
        new Int32Array(memory, address, GEOMETRY / 4).set([
          ...[batch, channels, height, width, filters, outHeight, outWidth, ...args.kernel, ...args.strides],
          ...[args.pads[0], args.pads[1], ...args.dilations, groups],
          ...[chunks.images, chunks.rows, outWidth, chunks.height, chunks.width],
        ]);
        const own = address + GEOMETRY;
        const [x, weight, y] = [at(args.x), at(args.weight), at(args.y)];
        share(
          Array.from({ length: calls }, (_, part) => {
            const first = part * most;
            const count = Math.min(most, batch - first);
            return callOf(exports.convolution, x, weight, y, address, first, count, own + part * bytes);
          }),
        );
      },
    );
  },
};
