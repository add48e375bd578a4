/** The sizes of a convolution, as ONNX's Conv has them. */
import { MocoError } from '../errors.ts';
import { expectWhole } from './checks.ts';

/** All sizes are at least 1. A 1-D convolution has height 1. */
export interface ConvolutionShape {
  /** N */
  readonly batch: number;
  /** C: a multiple of groups. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** F: a multiple of groups. */
  readonly filters: number;
  /** What a convolution of this kernel makes of height and width, rounded down. */
  readonly outHeight: number;
  readonly outWidth: number;
  /** [height, width] */
  readonly kernel: readonly [number, number];
  /** [vertical, horizontal] */
  readonly strides: readonly [number, number];
  /** [top, left, bottom, right], each at least 0 */
  readonly pads: readonly [number, number, number, number];
  /** [vertical, horizontal] */
  readonly dilations: readonly [number, number];
  readonly groups: number;
}

/** The weights of a group as a matrix: filters × columns, which are a channel at a tap each. */
export function matrixOf({ channels, filters, kernel, groups }: ConvolutionShape) {
  return { filters: filters / groups, columns: (channels / groups) * kernel[0] * kernel[1] };
}

/** @throws MocoError shape-mismatch */
export function expectConvolution(shape: ConvolutionShape): void {
  const { batch, channels, height, width, filters, outHeight, outWidth, groups } = shape;
  const { kernel, strides, pads, dilations } = shape;
  const sizes = { batch, channels, height, width, filters, outHeight, outWidth, groups };
  for (const [name, value] of Object.entries(sizes)) expectWhole(name, value, 1);
  for (const [name, list] of Object.entries({ kernel, strides, dilations })) expectList(name, list, 2, 1);
  expectList('pads', pads, 4, 0);
  for (const [name, value] of Object.entries({ channels, filters })) {
    if (value % groups === 0) continue;
    throw new MocoError('shape-mismatch', `${name} is ${value}, but must be a multiple of groups, ${groups}`);
  }
  expectOutput(shape, 0, 'height', 'outHeight');
  expectOutput(shape, 1, 'width', 'outWidth');
}

function expectList(name: string, list: readonly number[], length: number, low: number): void {
  expectWhole(`the length of ${name}`, list.length, length, length);
  for (const [i, value] of list.entries()) expectWhole(`${name}[${i}]`, value, low);
}

function expectOutput(
  shape: ConvolutionShape,
  axis: 0 | 1,
  name: 'height' | 'width',
  outName: 'outHeight' | 'outWidth',
): void {
  const { kernel, strides, pads, dilations } = shape;
  const padded = shape[name] + pads[axis] + pads[axis + 2]!;
  // Kernels count in 32 bits.
  expectWhole(`${name} with its pads`, padded, 1);
  const extent = dilations[axis] * (kernel[axis] - 1) + 1;
  const out = Math.floor((padded - extent) / strides[axis]) + 1;
  if (shape[outName] === out) return;
  const message = `${outName} is ${shape[outName]}, but a ${name} of ${shape[name]} makes ${out} with such kernel, stride, pads and dilation`;
  throw new MocoError('shape-mismatch', message);
}
