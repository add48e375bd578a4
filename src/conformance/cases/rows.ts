/** What the cases of the kernels that move rows have in common. */
import { MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import type { Trial } from '../trial.ts';

/** Rows of PERIOD values: all the same, so that the list alone could not tell them apart; each gets its own first value. */
export async function manyRows(trial: Trial, kernel: 'gatherRows' | 'scatterRows'): Promise<void> {
  const dim = PERIOD;
  const count = MANY / PERIOD;
  const block = uniforms(dim, trial.random);
  const values = repeated(block, MANY);
  const order = trial.random.permutation(count);
  for (let r = 0; r < count; r++) values[r * dim] = r;
  const target = trial.zeros(MANY);
  trial.kernels[kernel]({ target, source: trial.put(values), rows: order, dim });
  const got = await trial.read(target);
  const first = new Float32Array(count);
  const want = new Float32Array(count);
  for (const [r, row] of order.entries()) {
    if (kernel === 'gatherRows') want[r] = row;
    else want[row] = r;
  }
  for (let r = 0; r < count; r++) {
    first[r] = got[r * dim]!;
    got[r * dim] = block[0]!;
  }
  trial.bits('which row is where', first, want);
  trial.bits('what is in the rows', got, block);
}

/** Rows and columns. */
export const SHAPES = [
  [1, 1],
  [7, 3],
  [64, 4],
  [257, 1],
  [300, 129],
  [5, 512],
] as const;
