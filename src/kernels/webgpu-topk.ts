import type { TopK } from './kernels.ts';
import type { WebGpuArrays } from './webgpu-arrays.ts';
import { type Dispatch, grid, type WebGpuCommands } from './webgpu-commands.ts';

const TILE = 32;
/** Bytes that similarities may take: queries beyond it are taken in turns. */
const SCRATCH = 64 * 2 ** 20;

/** The k nearest rows of the bank: selected on the device, the k that are read back put in order here. */
export async function nearestRows(
  arrays: WebGpuArrays,
  commands: WebGpuCommands,
  queries: GPUBuffer,
  bank: GPUBuffer,
  q: number,
  m: number,
  dim: number,
  k: number,
): Promise<TopK> {
  if (q === 0) return { indices: new Uint32Array(0), similarities: new Float32Array(0) };
  const block = Math.min(Math.max(1, Math.floor(SCRATCH / (4 * m))), 1024 * TILE, q);
  const scratch = arrays.allocate(block * m, `the similarities of topK to ${m} rows`);
  const taken = [scratch];
  try {
    const [indices, values] = [arrays.allocate(q * k), arrays.allocate(q * k)];
    taken.push(indices, values);
    const at = (array: typeof scratch): GPUBuffer => arrays.at(array, 'scratch').buffer;
    const tiles = Math.ceil(m / TILE);
    const dispatches: Dispatch[] = [];
    for (let first = 0; first < q; first += block) {
      const rows = Math.min(block, q - first);
      dispatches.push(
        {
          shader: 'knnSimilarities',
          parameters: [q, m, dim, first, rows, tiles],
          buffers: [queries, bank, at(scratch)],
          workgroups: [...grid(tiles), Math.ceil(rows / TILE)],
        },
        {
          shader: 'knnSelect',
          parameters: [rows, m, k, first],
          buffers: [at(scratch), at(indices), at(values)],
          workgroups: grid(rows),
        },
      );
    }
    commands.run(dispatches);
    const bytes = 4 * q * k;
    const [found, similar] = await arrays.read([
      { buffer: at(indices), bytes },
      { buffer: at(values), bytes },
    ]);
    return inOrder(new Uint32Array(found!), new Float32Array(similar!), q, k);
  } finally {
    for (const array of taken) if (array.buffer) arrays.free(array);
  }
}

/** Best first, ties by lower index; what is not a number counts as −∞. */
function inOrder(indices: Uint32Array, similarities: Float32Array, q: number, k: number): TopK {
  const sorted: TopK = { indices: new Uint32Array(q * k), similarities: new Float32Array(q * k) };
  for (let r = 0; r < q; r++) {
    const row = Array.from({ length: k }, (_, j) => {
      const value = similarities[r * k + j]!;
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
