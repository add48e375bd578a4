/** The gradient of a convolution's weights, of its input and the gradient of its output: a product of matrices, without im2col. */
import text from '../../shaders/conv-weight-gradient.wgsl';
import sumsText from '../../shaders/conv-weight-gradient-sums.wgsl';
import { expectArgument, oneOf, optional } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { CONV_TILE_NAMES, CONV_TILES, type ConvTile, USUAL_TILES, usualTile } from './conv-tiles.ts';
import { type ConvolutionShape, expectConvolution, matrixOf } from './convolution-shape.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, grid, type Shader, shaderOf } from './shader.ts';

export interface ConvWeightGradientArguments extends ConvolutionShape {
  /** What the convolution was given; [N, C, height, width]. */
  readonly x: DeviceArray;
  /** The gradient of what it gave; [N, F, outHeight, outWidth]. */
  readonly dy: DeviceArray;
  /**
   * out [F, C/groups, kernel height, kernel width]: the sum over images n and output pixels (oy, ox) of
   * dy[n, f, oy, ox] · x[n, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left], where x is 0 outside of the image.
   * What is not finite spoils the weights that it is part of, and maybe others of the same channel or filter.
   */
  readonly gradient: DeviceArray;
  /** Whether that is added to what `gradient` holds: the bits of `accumulate`. */
  readonly add: boolean;
  /** WebGPU: filters × columns that a workgroup computes; by default by the filters of a group. No bit depends on it. */
  readonly tile?: ConvTile | undefined;
}

export interface ConvWeightGradientExports {
  convWeightGradient(
    x: number,
    dy: number,
    gradient: number,
    geometry: number,
    first: number,
    count: number,
    scratch: number,
  ): void;
  accumulate(sum: number, x: number, length: number): void;
}

/** On wasm, the most pixels whose products are summed by themselves, before that is added to the sum of those before them. */
const PIXELS = 256;
/** Filters of a panel, and columns of a tile (wasm/conv-weight-gradient.ts). */
const PANEL = 8;
const COLUMNS = 4;
/** Bytes of the geometry, and of what is a call's own beside offsets, panels and padding. */
const GEOMETRY = 96;
const OWN = 192;

/** How wasm takes the pixels: whole images at a time, rows of one, or a part of a row. It depends on the shape alone. */
export function chunksOf({ batch, outHeight, outWidth }: ConvolutionShape) {
  const columns = evenParts(outWidth, PIXELS);
  const rows = evenParts(outHeight, columns.parts > 1 ? 1 : PIXELS / outWidth);
  const isImage = columns.parts === 1 && rows.parts === 1;
  const images = evenParts(batch, isImage ? PIXELS / (outHeight * outWidth) : 1);
  return {
    images: images.size,
    rows: rows.size,
    columns: columns.size,
    pixels: images.size * rows.size * columns.size,
    chunks: images.parts * rows.parts * columns.parts,
  };
}

function evenParts(whole: number, most: number): { size: number; parts: number } {
  const size = Math.ceil(whole / Math.ceil(whole / Math.max(1, Math.floor(most))));
  return { size, parts: Math.ceil(whole / size) };
}

/** Of groups that are a filter and a channel each, a panel has the filters of several. */
function isDepthwise({ channels, filters, groups }: ConvolutionShape): boolean {
  return channels === groups && filters === groups;
}

/** What a chunk sees of a channel, with its padding; 0 × 0 where nothing is padded and x is read where it lies. */
function paddedOf(shape: ConvolutionShape, chunk: { rows: number; columns: number }) {
  const { kernel, strides, dilations, pads } = shape;
  if (pads.every((pad) => pad === 0) && !isDepthwise(shape)) return { height: 0, width: 0 };
  const extent = (axis: 0 | 1, count: number) =>
    (count - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
  return { height: extent(0, chunk.rows), width: extent(1, chunk.columns) };
}

const tiles = new Map<ConvTile, Shader>(
  CONV_TILE_NAMES.map((name) => {
    const { rows, columns } = CONV_TILES[name];
    const shader = shaderOf([{ name: 'conv-weight-gradient.wgsl', text }], ['read', 'read', 'write'], null);
    return [
      name,
      { ...shader, constants: { ROWS: rows, COLUMNS: columns }, onDemand: !USUAL_TILES.has(name) },
    ];
  }),
);
const addSums = shaderOf([{ name: 'conv-weight-gradient-sums.wgsl', text: sumsText }], ['read', 'write']);

/** Workgroups that fill a GPU. */
const WORKGROUPS = 1024;
/** The most pixels of a slice, and the fewest that are worth a sum in memory. */
const SLICE = { most: 4096, fewest: 64 } as const;
/** The most values that the sums of all slices may take (64 MiB). */
const SUMS = 2 ** 24;

/** Workgroups that a tile makes, for each slice. */
function workgroupsOf(shape: ConvolutionShape, tile: ConvTile): number {
  const { filters, columns } = matrixOf(shape);
  const { rows, columns: across } = CONV_TILES[tile];
  return shape.groups * Math.ceil(filters / (4 * rows)) * Math.ceil(columns / (4 * across));
}

/** How WebGPU takes the pixels: in how many slices of how many. The shape alone decides, not the tile that computes it. */
export function slicesOf(shape: ConvolutionShape): { pixels: number; slices: number } {
  const { batch, outHeight, outWidth } = shape;
  const { filters, columns } = matrixOf(shape);
  const workgroups = workgroupsOf(shape, usualTile(filters));
  const all = batch * outHeight * outWidth;
  const wanted = Math.max(Math.ceil(WORKGROUPS / workgroups), Math.ceil(all / SLICE.most));
  const fitting = Math.max(1, Math.floor(SUMS / (shape.filters * columns)));
  const pixels = Math.ceil(all / Math.min(wanted, fitting, Math.ceil(all / SLICE.fewest)));
  return { pixels, slices: Math.ceil(all / pixels) };
}

export const convWeightGradient: Kernel<ConvWeightGradientArguments, void, ConvWeightGradientExports> = {
  shaders: [...tiles.values(), addSums],

  check(args, checks) {
    expectConvolution(args);
    const { batch, channels, height, width, filters, outHeight, outWidth, x, dy, gradient, add } = args;
    if (typeof add !== 'boolean') throw new MocoError('usage', 'add must be true or false');
    expectArgument('convWeightGradient', 'tile', args.tile, optional(oneOf(CONV_TILE_NAMES)));
    checks.matrix('x', x, batch * channels, height * width);
    checks.matrix('dy', dy, batch * filters, outHeight * outWidth);
    checks.matrix('gradient', gradient, filters, matrixOf(args).columns);
    if (gradient === x || gradient === dy) {
      throw new MocoError('usage', 'gradient is an array that it is computed from: give it its own');
    }
  },

  webgpu(args, { at, scratch, run }) {
    const { kernel, strides, pads, dilations, groups, gradient } = args;
    const { pixels, slices } = slicesOf(args);
    const tile = args.tile ?? usualTile(matrixOf(args).filters);
    const sums = scratch('the sums of convWeightGradient', slices * gradient.length);
    const sizes = [args.batch, args.channels, args.height, args.width, args.filters, args.outHeight];
    const window = [...kernel, ...strides, pads[0], pads[1], ...dilations, groups];
    run([
      {
        shader: tiles.get(tile)!,
        parameters: [...sizes, args.outWidth, ...window, pixels],
        buffers: [at(args.dy), at(args.x), sums],
        workgroups: [...grid(workgroupsOf(args, tile)), slices],
      },
      {
        shader: addSums,
        parameters: [gradient.length, slices, args.add ? 1 : 0],
        buffers: [sums, at(gradient)],
        workgroups: elements(gradient.length),
      },
    ]);
  },

  /** A weight depends on no other: calls take some filters each, in whole groups or whole panels. */
  wasm(args, { at, exports, threadsFor, borrow, share, inOrder }) {
    const { batch, channels, height, width, filters, outHeight, outWidth, groups, gradient, add } = args;
    const { columns } = matrixOf(args);
    const chunk = chunksOf(args);
    const padded = paddedOf(args, chunk);
    const unit = groups > 1 && !isDepthwise(args) ? filters / groups : PANEL;
    const units = Math.ceil(filters / unit);
    // As they lie, and packed.
    const planes = isDepthwise(args) ? 2 * PANEL : channels / groups;
    const work = (batch * outHeight * outWidth * filters * columns) / 4;
    const most = unit * Math.ceil(units / Math.min(units, threadsFor(work)));
    const calls = Math.ceil(filters / most);
    const bytes = roundedUp(
      OWN +
        4 * roundedUp(columns, COLUMNS) +
        4 * roundedUp(Math.min(most, filters / groups), PANEL) * chunk.pixels +
        4 * chunk.images * planes * padded.height * padded.width,
      16,
    );
    const total = GEOMETRY + calls * bytes + (add ? 4 * gradient.length : 0);
    const what = `the scratch of convWeightGradient for ${filters} filters of ${columns} weights`;
    borrow(total, what, (address, memory) => {
      new Int32Array(memory, address, GEOMETRY / 4).set([
        ...[batch, channels, height, width, filters, outHeight, outWidth, ...args.kernel, ...args.strides],
        ...[args.pads[0], args.pads[1], ...args.dilations, groups],
        ...[chunk.images, chunk.rows, chunk.columns, padded.height, padded.width],
      ]);
      const own = address + GEOMETRY;
      const sums = add ? own + calls * bytes : at(gradient);
      const [x, dy] = [at(args.x), at(args.dy)];
      share(
        Array.from({ length: calls }, (_, part) => {
          const first = part * most;
          const count = Math.min(most, filters - first);
          return callOf(exports.convWeightGradient, x, dy, sums, address, first, count, own + part * bytes);
        }),
      );
      if (add) inOrder([callOf(exports.accumulate, at(gradient), sums, gradient.length)]);
    });
  },
};

function roundedUp(value: number, multiple: number): number {
  return multiple * Math.ceil(value / multiple);
}
