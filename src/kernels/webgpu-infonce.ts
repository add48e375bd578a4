import type { InfoNceArguments } from './kernels.ts';
import { type Dispatch, f32, grid } from './webgpu-commands.ts';
import type { WebGpuScratch } from './webgpu-scratch.ts';

/** Splits of the queue: enough workgroups to fill a GPU; infonce-combine.wgsl holds as many. */
const MOST_SPLITS = 128;
/** Rows of a tile, and queries of a workgroup. */
const TILE = 32;
const SPLIT_TILES = 4;
/** Bytes that partial sums may take: queries beyond it are taken in turns. */
const SCRATCH = 64 * 2 ** 20;

/**
 * How the queue is split. It depends on the queue alone, and so do the bits of a sample's result: not on the batch.
 */
export function splitQueue(queueSize: number): { splits: number; splitRows: number } {
  const tiles = Math.ceil(queueSize / TILE);
  const perSplit = Math.max(SPLIT_TILES, Math.ceil(tiles / MOST_SPLITS));
  return { splits: Math.ceil(tiles / perSplit), splitRows: perSplit * TILE };
}

/** A float32 sum of C products of unit rows, in any order, is within (C + 2)·2^-24: two of them, and a little more. */
export function undecidedWithin(dim: number): number {
  return 2 * (dim + 4) * 2 ** -24;
}

export interface InfoNceBuffers {
  query: GPUBuffer;
  key: GPUBuffer;
  queue: GPUBuffer;
  loss: GPUBuffer;
  dQuery: GPUBuffer;
  rank: GPUBuffer;
}

/** Both stages for all queries, a block of them after the other where the scratch holds no more. */
export function infoNceDispatches(
  args: InfoNceArguments,
  buffers: InfoNceBuffers,
  scratch: WebGpuScratch,
): Dispatch[] {
  const { rows, dim, queueSize, temperature, gradientScale } = args;
  if (rows === 0) return [];
  const { splits, splitRows } = splitQueue(queueSize);
  const fitting = Math.floor(SCRATCH / (4 * splits * (dim + 4)) / TILE) * TILE;
  const block = Math.min(Math.max(fitting, TILE), 1024 * TILE, rows);
  const { query, key, queue, loss, dQuery, rank } = buffers;
  // The partial sums between the two stages.
  const state = scratch.take('the states of infoNce', 4 * block * splits);
  const weighted = scratch.take('the weighted sums of infoNce', block * splits * dim);
  const dispatches: Dispatch[] = [];
  for (let first = 0; first < rows; first += block) {
    const count = Math.min(block, rows - first);
    dispatches.push(
      {
        shader: 'infoNce',
        parameters: [
          first + count,
          dim,
          queueSize,
          splitRows,
          splits,
          first,
          f32(1 / temperature),
          f32(undecidedWithin(dim)),
        ],
        buffers: [query, key, queue, state, weighted],
        workgroups: [Math.ceil(count / TILE), splits, Math.ceil(dim / 128)],
      },
      {
        shader: 'infoNceCombine',
        parameters: [count, dim, splits, first, f32(gradientScale / temperature)],
        buffers: [state, weighted, key, loss, dQuery, rank],
        workgroups: grid(count),
      },
    );
  }
  return dispatches;
}
