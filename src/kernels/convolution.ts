/** A convolution (cross-correlation, as in PyTorch) of images in groups, strided, padded, dilated: a product of matrices, without im2col. */
import text from '../../shaders/convolution.wgsl';
import { expectOwn } from './checks.ts';
import { type ConvolutionExport, packedChunks, scratchOf, shareImages } from './convolution-calls.ts';
import { type ConvolutionShape, expectConvolution, matrixOf } from './convolution-shape.ts';
import type { DeviceArray } from './device-array.ts';
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
  readonly convolution: ConvolutionExport;
}

/** How wasm takes the pixels. */
export function convolutionChunks(shape: ConvolutionShape) {
  const { batch, channels, groups, outHeight, kernel, strides, dilations } = shape;
  const seen = (axis: 0 | 1) => (kernel[axis] - 1) * dilations[axis] + 1;
  const width = (shape.outWidth - 1) * strides[1] + seen(1);
  const rows = { rows: outHeight, step: strides[0], seen: seen(0) };
  return packedChunks({ batch, channels: channels / groups, ...rows, width });
}

/** Bytes that a call takes beside its arrays, on one thread. */
export function convolutionScratch(shape: ConvolutionShape): number {
  const { images, rows, packed } = convolutionChunks(shape);
  const { filters, columns } = matrixOf(shape);
  return scratchOf(filters, columns, images * rows * shape.outWidth, packed);
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

  wasm(args, call) {
    const { batch, channels, height, width, filters, outHeight, outWidth, groups, pads } = args;
    const chunks = convolutionChunks(args);
    const arrays = [call.at(args.x), call.at(args.weight), call.at(args.y)] as const;
    const convolving = {
      batch,
      products: batch * outHeight * outWidth * filters * matrixOf(args).columns,
      geometry: [
        ...[batch, channels, height, width, filters, outHeight, outWidth, ...args.kernel, ...args.strides],
        ...[pads[0], pads[1], ...args.dilations, groups],
        ...[chunks.images, chunks.rows, outWidth, chunks.height, chunks.width],
      ],
      bytes: convolutionScratch(args),
      what: `the scratch of a convolution of ${filters} filters`,
    };
    shareImages(call.exports.convolution, arrays, convolving, call);
  },
};
