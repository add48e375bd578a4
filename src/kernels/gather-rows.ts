/** Rows of one array, in the order of a list: the keys that belong to the queries of a group. */
import text from '../../shaders/gather-rows.wgsl';
import type { Kernel } from './kernel.ts';
import { checkIndexed, moveRows, type RowsArguments } from './rows.ts';
import { shaderOf } from './shader.ts';

/** target[r] ← source[rows[r]]: target [rows.length, dim], source [≥ max(rows) + 1, dim]. */
export type GatherRowsArguments = RowsArguments;

const shader = shaderOf([{ name: 'gather-rows.wgsl', text }], ['write', 'read', 'read']);

export const gatherRows: Kernel<GatherRowsArguments, void, object> = {
  shaders: [shader],

  check(args, checks) {
    checks.matrix('target', args.target, args.rows.length, args.dim);
    checkIndexed('source', args, checks);
  },

  webgpu: (args, call) => moveRows(shader, args, call),

  wasm({ target, source, rows, dim }, { view }) {
    const [to, from] = [view(target), view(source)];
    for (const [r, row] of rows.entries()) to.set(from.subarray(row * dim, (row + 1) * dim), r * dim);
  },
};
