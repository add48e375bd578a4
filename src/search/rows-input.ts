/** Rows as callers give them. */
import { either, type Form, instance, listOf, made, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';

/** Rows of equal length: an array of them, or all in one array. */
export type RowsInput = readonly Float32Array[] | JoinedRows;

export interface JoinedRows {
  /** [n, dim] */
  readonly vectors: Float32Array;
  readonly dim: number;
  readonly names?: readonly string[] | null;
}

const FLOATS = instance('a Float32Array', 'Float32Array');
export const ROWS: Form = {
  ...either(
    listOf(FLOATS, 'Float32Array'),
    made<JoinedRows>('{ vectors, dim }', { vectors: FLOATS, dim: whole(1) }),
  ),
  give: 'rows: an array of Float32Array, or { vectors: a Float32Array, dim }',
};

/** All rows in one array. @throws MocoError usage, shape-mismatch */
export function joined(rows: RowsInput): JoinedRows {
  if ('vectors' in rows) return rows;
  const dim = rows[0]?.length ?? 0;
  if (dim === 0) throw new MocoError('usage', 'an index needs rows: there are none, or they are empty');
  const other = rows.findIndex(({ length }) => length !== dim);
  if (other >= 0) {
    throw new MocoError('shape-mismatch', `row ${other} has ${rows[other]?.length} values, row 0 has ${dim}`);
  }
  const vectors = new Float32Array(rows.length * dim);
  for (const [row, values] of rows.entries()) vectors.set(values, row * dim);
  return { vectors, dim };
}
