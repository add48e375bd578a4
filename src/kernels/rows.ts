/** What the kernels that move rows have in common. */
import { MocoError } from '../errors.ts';
import type { Checks } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import type { WebGpuCall } from './kernel.ts';
import { elements, type Shader } from './shader.ts';

export interface RowsArguments {
  readonly target: DeviceArray;
  readonly source: DeviceArray;
  readonly rows: Uint32Array;
  /** Length of a row. */
  readonly dim: number;
}

/** Checks the array in which `rows` are places: it has whole rows, all that are named, and is not the other array. */
export function checkIndexed(
  name: 'target' | 'source',
  { target, source, rows, dim }: RowsArguments,
  checks: Checks,
): void {
  const array = name === 'target' ? target : source;
  checks.live(array, name);
  const last = rows.reduce((most, row) => Math.max(most, row), -1);
  if ((last + 1) * dim > array.length) {
    throw new MocoError(
      'shape-mismatch',
      `${name} has ${array.length} elements, but row ${last} of ${dim} ends at ${(last + 1) * dim}`,
    );
  }
  if (target === source) {
    throw new MocoError('usage', 'target and source are one array: rows cannot change places within it');
  }
}

/** The list of rows goes to the device first. */
export function moveRows(
  shader: Shader,
  { target, source, rows, dim }: RowsArguments,
  { at, upload, run }: WebGpuCall,
): void {
  if (rows.length === 0) return;
  const length = rows.length * dim;
  const buffers = [at(target), at(source), upload('the rows to move', rows)];
  run([{ shader, parameters: [length, dim], buffers, workgroups: elements(length) }]);
}
