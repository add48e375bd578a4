/** The nearest rows by dot product, for kNN. */
import selectText from '../../shaders/topk-select.wgsl';
import similaritiesText from '../../shaders/topk-similarities.wgsl';
import { expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { LOADS_FILE } from './row-tiles.ts';
import { type Dispatch, grid, onDemand, shaderOf } from './shader.ts';

export interface TopKArguments {
  /** [rows, dim] */
  readonly queries: DeviceArray;
  /** [bankRows, dim] */
  readonly bank: DeviceArray;
  readonly rows: number;
  readonly bankRows: number;
  readonly dim: number;
  /** How many of the bank's rows are asked for: 1 … bankRows. */
  readonly k: number;
}

export interface TopK {
  /** [rows, k] rows of the bank, best first; ties by lower index. */
  indices: Uint32Array;
  /** [rows, k] dot products. One that is not a number counts as −∞. */
  similarities: Float32Array;
}

/** Queries, and rows of the bank, of a workgroup. */
const TILE = { queries: 32, rows: 64 };
/** Bytes that similarities may take: queries beyond it are taken in turns. */
const SCRATCH = 64 * 2 ** 20;

const similarities = onDemand(
  shaderOf(
    [LOADS_FILE, { name: 'topk-similarities.wgsl', text: similaritiesText }],
    ['read', 'read', 'write'],
    null,
  ),
);
const select = shaderOf([{ name: 'topk-select.wgsl', text: selectText }], ['read', 'write', 'write'], 256);

export const topk: Kernel<
  TopKArguments,
  Promise<TopK>,
  {
    /** 0 where there was no memory for scratch, else 1. */
    topk(
      queries: number,
      bank: number,
      rows: number,
      bankRows: number,
      dim: number,
      k: number,
      indices: number,
      similarities: number,
    ): number;
  }
> = {
  waits: true,
  shaders: [similarities, select],

  check({ queries, bank, rows, bankRows, dim, k }, checks) {
    checks.matrix('queries', queries, rows, dim);
    checks.matrix('bank', bank, bankRows, dim);
    expectWhole('k', k, 1, bankRows);
  },

  /** Selected on the device; the k that are read back are put in order here. */
  async webgpu({ queries, bank, rows, bankRows, dim, k }, { at, borrow, run, read }) {
    if (rows === 0) return { indices: new Uint32Array(0), similarities: new Float32Array(0) };
    // Rows of them begin at multiples of four.
    const stride = 4 * Math.ceil(bankRows / 4);
    const block = Math.min(Math.max(1, Math.floor(SCRATCH / (4 * stride))), 1024 * TILE.queries, rows);
    const found = rows * k;
    const scratch = `the similarities of topk to ${bankRows} rows`;
    return borrow({ [scratch]: block * stride, indices: found, values: found }, async (buffers) => {
      const [products, indices, values] = [buffers[scratch]!, buffers.indices!, buffers.values!];
      const tiles = Math.ceil(bankRows / TILE.rows);
      const dispatches: Dispatch[] = [];
      for (let first = 0; first < rows; first += block) {
        const count = Math.min(block, rows - first);
        dispatches.push(
          {
            shader: similarities,
            parameters: [rows, bankRows, dim, first, count, tiles],
            buffers: [at(queries), at(bank), products],
            workgroups: [...grid(tiles), Math.ceil(count / TILE.queries)],
          },
          {
            shader: select,
            parameters: [count, bankRows, k, first],
            buffers: [products, indices, values],
            workgroups: grid(count),
          },
        );
      }
      run(dispatches);
      const bytes = 4 * found;
      const [where, what] = await read([
        { buffer: indices, bytes },
        { buffer: values, bytes },
      ]);
      return inOrder(new Uint32Array(where!), new Float32Array(what!), rows, k);
    });
  },

  async wasm({ queries, bank, rows, bankRows, dim, k }, { at, borrow, exports, expectMemory }) {
    const count = rows * k;
    return borrow(8 * count, `the ${k} nearest of ${rows} queries`, (indices, memory) => {
      const values = indices + 4 * count;
      const done = exports.topk(at(queries), at(bank), rows, bankRows, dim, k, indices, values);
      expectMemory(done, `the scratch of topk for ${rows} queries of ${dim}`);
      return {
        indices: new Uint32Array(new Uint32Array(memory, indices, count)),
        similarities: new Float32Array(new Float32Array(memory, values, count)),
      };
    });
  },
};

/** Best first, ties by lower index; what is not a number counts as −∞. */
function inOrder(indices: Uint32Array, values: Float32Array, rows: number, k: number): TopK {
  const sorted: TopK = { indices: new Uint32Array(rows * k), similarities: new Float32Array(rows * k) };
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: k }, (_, j) => {
      const value = values[r * k + j]!;
      return { index: indices[r * k + j]!, value: Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value };
    });
    // Not `b − a`: −∞ minus −∞ is not a number.
    row.sort((a, b) => (a.value === b.value ? a.index - b.index : a.value < b.value ? 1 : -1));
    row.forEach(({ index, value }, j) => {
      sorted.indices[r * k + j] = index;
      sorted.similarities[r * k + j] = value;
    });
  }
  return sorted;
}
