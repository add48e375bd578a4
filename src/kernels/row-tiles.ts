/** What the shaders that compare rows with rows have in common: files to join, and how rows are split among workgroups. */
import exactSign from '../../shaders/exact-sign.wgsl';
import rank from '../../shaders/rank.wgsl';
import loads from '../../shaders/row-loads.wgsl';
import sums from '../../shaders/row-sums.wgsl';
import tiles from '../../shaders/row-tiles.wgsl';
import loss from '../../shaders/softmax-loss.wgsl';
import type { ShaderFile } from './shader.ts';

export const LOADS_FILE: ShaderFile = { name: 'row-loads.wgsl', text: loads };
export const TILE_FILES: readonly ShaderFile[] = [LOADS_FILE, { name: 'row-tiles.wgsl', text: tiles }];
export const SUMS_FILE: ShaderFile = { name: 'row-sums.wgsl', text: sums };
export const LOSS_FILE: ShaderFile = { name: 'softmax-loss.wgsl', text: loss };
export const RANK_FILES: readonly ShaderFile[] = [
  { name: 'rank.wgsl', text: rank },
  { name: 'exact-sign.wgsl', text: exactSign },
];

/** Splits of the queue: enough workgroups to fill a GPU; infonce-combine.wgsl holds as many. */
const MOST_SPLITS = 128;
/** Rows of a tile, and queries of a workgroup. */
export const TILE = 32;
const SPLIT_TILES = 4;
/** Bytes that partial sums may take: queries beyond it are taken in turns. */
const SCRATCH = 64 * 2 ** 20;

/** How the queue is split. It depends on the queue alone, and so do the bits of a sample's result: not on the batch. */
export function splitQueue(queueSize: number): { splits: number; splitRows: number } {
  const tiles = Math.ceil(queueSize / TILE);
  const perSplit = Math.max(SPLIT_TILES, Math.ceil(tiles / MOST_SPLITS));
  return { splits: Math.ceil(tiles / perSplit), splitRows: perSplit * TILE };
}

/** How many queries have their partial sums at once: all, or whole tiles of them. */
export function queriesAtOnce(rows: number, dim: number, splits: number): number {
  const fitting = Math.floor(SCRATCH / (4 * splits * (dim + 4)) / TILE) * TILE;
  return Math.min(Math.max(fitting, TILE), 1024 * TILE, rows);
}

/** A float32 sum of C products of unit rows, in any order, is within (C + 2)·2^-24: two of them, and a little more. */
export function undecidedWithin(dim: number): number {
  return 2 * (dim + 4) * 2 ** -24;
}
