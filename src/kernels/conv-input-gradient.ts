/** The gradient of a convolution's input, of its weights and the gradient of its output: a convolution for each phase of the strides. */
import text from '../../shaders/conv-input-gradient.wgsl';
import { expectOwn } from './checks.ts';
import { type ConvolutionExport, packedChunks, scratchOf, shareImages } from './convolution-calls.ts';
import { type ConvolutionShape, expectConvolution, matrixOf } from './convolution-shape.ts';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

/** The sizes are those of the convolution whose gradient this is. */
export interface ConvInputGradientArguments extends ConvolutionShape {
  /** The gradient of what it gave; [N, F, outHeight, outWidth]. */
  readonly dy: DeviceArray;
  /** [F, C/groups, kernel height, kernel width] */
  readonly weight: DeviceArray;
  /**
   * out [N, C, height, width]: the sum over filters f of the channel's group and taps (ky, kx) of
   * weight[f, c, ky, kx] · dy[n, f, (iy + top − ky·dilation) / stride, (ix + left − kx·dilation) / stride], where that is a pixel of
   * dy: 0 where none is.
   * What is not finite spoils what it is part of; of a weight, maybe other pixels of the channel too.
   */
  readonly dx: DeviceArray;
}

export interface ConvInputGradientExports {
  readonly convInputGradient: ConvolutionExport;
}

/** How the taps of an axis are shared out among the phases of its stride (wasm/conv-input-gradient.ts). */
function phasesOf(shape: ConvolutionShape, axis: 0 | 1) {
  const { strides, dilations, kernel, pads } = shape;
  const [stride, dilation] = [strides[axis], dilations[axis]];
  const common = greatestCommonDivisor(stride, dilation);
  const size = axis === 0 ? shape.height : shape.width;
  return {
    period: stride / common,
    step: dilation / common,
    seen: Math.floor(((kernel[axis] - 1) * dilation) / stride),
    count: Math.floor((size - 1 + pads[axis]) / stride) - Math.floor(pads[axis] / stride) + 1,
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** How wasm takes the rows of dx, by what they see of dy. */
function inputChunks(shape: ConvolutionShape) {
  const [y, x] = [phasesOf(shape, 0), phasesOf(shape, 1)];
  const { batch, filters, groups } = shape;
  const rows = { rows: y.count, step: 1, seen: y.seen + 1 };
  return { ...packedChunks({ batch, channels: filters / groups, ...rows, width: x.count + x.seen }), y, x };
}

/** Bytes that a call takes beside its arrays, on one thread. */
export function convInputGradientScratch(shape: ConvolutionShape): number {
  const { channels, filters, kernel, groups } = shape;
  const { images, rows, x, packed } = inputChunks(shape);
  const columns = (filters / groups) * kernel[0] * kernel[1];
  return scratchOf(channels / groups, columns, images * rows * x.count, packed);
}

const shader = shaderOf([{ name: 'conv-input-gradient.wgsl', text }], ['read', 'read', 'write']);

export const convInputGradient: Kernel<ConvInputGradientArguments, void, ConvInputGradientExports> = {
  shaders: [shader],

  check(args, checks) {
    expectConvolution(args);
    const { batch, channels, height, width, filters, outHeight, outWidth, dy, weight, dx } = args;
    checks.matrix('dy', dy, batch * filters, outHeight * outWidth);
    checks.matrix('weight', weight, filters, matrixOf(args).columns);
    checks.matrix('dx', dx, batch * channels, height * width);
    expectOwn({ dx }, { dy, weight });
  },

  webgpu(args, { at, run }) {
    const { channels, height, width, filters, outHeight, outWidth, kernel, strides, pads } = args;
    const sizes = [args.dx.length, channels, height, width, filters, outHeight, outWidth];
    run([
      {
        shader,
        parameters: [...sizes, ...kernel, ...strides, pads[0], pads[1], ...args.dilations, args.groups],
        buffers: [at(args.dy), at(args.weight), at(args.dx)],
        workgroups: elements(args.dx.length),
      },
    ]);
  },

  wasm(args, call) {
    const { batch, channels, height, width, filters, outHeight, outWidth, groups, pads, kernel } = args;
    const { x, y, ...chunks } = inputChunks(args);
    const arrays = [call.at(args.dy), call.at(args.weight), call.at(args.dx)] as const;
    const convolving = {
      batch,
      products: batch * outHeight * outWidth * filters * matrixOf(args).columns,
      geometry: [
        ...[batch, filters, outHeight, outWidth, channels, height, width, ...kernel, ...args.strides],
        ...[pads[0], pads[1], ...args.dilations, groups],
        ...[chunks.images, chunks.rows, x.count, chunks.height, chunks.width],
        ...[y.period, x.period, y.step, x.step, y.seen, x.seen],
      ],
      bytes: convInputGradientScratch(args),
      what: `the scratch of convInputGradient for ${channels} channels`,
    };
    shareImages(call.exports.convInputGradient, arrays, convolving, call);
  },
};
