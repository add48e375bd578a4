/** Rows to the places that a list gives: what a group has made, into its places in the batch. */
import text from '../../shaders/scatter-rows.wgsl';
import { MocoError } from '../errors.ts';
import type { Kernel } from './kernel.ts';
import { checkIndexed, moveRows, type RowsArguments } from './rows.ts';
import { shaderOf } from './shader.ts';

/** target[rows[r]] ← source[r]: source [rows.length, dim], target [≥ max(rows) + 1, dim]. `rows` are distinct. */
export type ScatterRowsArguments = RowsArguments;

const shader = shaderOf([{ name: 'scatter-rows.wgsl', text }], ['write', 'read', 'read']);

export const scatterRows: Kernel<ScatterRowsArguments, void, object> = {
  shaders: [shader],

  check(args, checks) {
    const { source, rows, dim } = args;
    checks.matrix('source', source, rows.length, dim);
    checkIndexed('target', args, checks);
    if (new Set(rows).size !== rows.length) {
      const twice = rows.find((row, r) => rows.indexOf(row) !== r);
      throw new MocoError(
        'usage',
        `rows names row ${twice} of target twice: each can take one row of source`,
      );
    }
  },

  webgpu: (args, call) => moveRows(shader, args, call),

  wasm({ target, source, rows, dim }, { view }) {
    const [to, from] = [view(target), view(source)];
    for (const [r, row] of rows.entries()) to.set(from.subarray(r * dim, (r + 1) * dim), row * dim);
  },
};
