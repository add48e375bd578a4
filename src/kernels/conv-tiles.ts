/** How WebGPU cuts the product of matrices that conv-weight-gradient computes. No bit of a result depends on it. */
import type { ConvolutionShape } from './convolution-shape.ts';

/** Filters × columns of a workgroup, by the invocations down and across: each has 4 × 4 sums. WebGPU's smallest devices run 128. */
export const CONV_TILES = {
  '64x32': { rows: 16, columns: 8 },
  '32x32': { rows: 8, columns: 8 },
  '8x128': { rows: 2, columns: 32 },
  '16x128': { rows: 4, columns: 32 },
  '32x64': { rows: 8, columns: 16 },
} as const;

export type ConvTile = keyof typeof CONV_TILES;

export const CONV_TILE_NAMES = Object.keys(CONV_TILES) as ConvTile[];

/** Where nothing has been measured: by the filters of a group. */
export function usualTile(filters: number): ConvTile {
  if (filters >= 48) return '64x32';
  return filters >= 12 ? '32x32' : '8x128';
}

/** All that `usualTile` gives; others are chosen by measurement alone. */
export const USUAL_TILES: ReadonlySet<ConvTile> = new Set(['64x32', '32x32', '8x128']);

/** Tiles that were chosen, by the names of shapes. */
export type TileChoice = Readonly<Record<string, ConvTile>>;

/** A name for a shape, whatever the batch: `64x56x56 64 3x3 1,1 1,1,1,1 1,1 1`. */
export function tileKey({
  channels,
  height,
  width,
  filters,
  kernel,
  strides,
  pads,
  dilations,
  groups,
}: Omit<ConvolutionShape, 'batch'>): string {
  const size = `${channels}x${height}x${width} ${filters} ${kernel.join('x')}`;
  return `${size} ${strides} ${pads} ${dilations} ${groups}`;
}
