/** Rows that l2norm and its gradient both have to get right. */

import type { Random } from '../../random.ts';
import { uniforms } from '../inputs.ts';

/** [3, 130] of which the first and the last row are zero. */
export function zeroRows(random: Random): Float32Array {
  const x = new Float32Array(3 * 130);
  x.set(uniforms(130, random), 130);
  return x;
}

/** [4, 17]: a row of denormals alone, and rows with some. */
export function denormalRows(): Float32Array {
  const x = Float32Array.from({ length: 4 * 17 }, (_, i) => (i % 17 < 5 ? 1 : (i - 30) * 2 ** -149));
  x.set(Float32Array.from({ length: 17 }, (_, i) => i * 2 ** -149));
  return x;
}

/** [dim, dim]: tiny values, and in each row one large one, each in a place of its own. */
export function oneLargeEach(dim: number, random: Random): Float32Array {
  const x = uniforms(dim * dim, random, 1e-30);
  for (let r = 0; r < dim; r++) x[r * dim + r] = 1e30;
  return x;
}

/** More than 65,535 workgroups, one a row. */
export const MANY_ROWS = 65_540;
