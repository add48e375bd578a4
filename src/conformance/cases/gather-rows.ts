/** gather-rows.wgsl: rows in the order of a list. */
import type { KernelCases } from '../case.ts';
import { anyBits, MANY } from '../inputs.ts';
import { gathered } from '../references/gather-rows.ts';
import type { Trial } from '../trial.ts';
import { manyRows, SHAPES } from './rows.ts';

async function permuted(trial: Trial, count: number, dim: number): Promise<void> {
  const rows = trial.random.permutation(count);
  const values = anyBits(count * dim, trial.random);
  const target = trial.zeros(count * dim);
  trial.kernels.gatherRows({ target, source: trial.put(values), rows, dim });
  trial.bits('gathered', await trial.read(target), gathered(values, rows, dim));
}

export const gatherRows: KernelCases = [
  ...SHAPES.map(([r, c]) => [`R = ${r}, C = ${c}`, (t: Trial) => permuted(t, r, c)] as const),
  ['more than 65,535 workgroups', (t) => manyRows(t, 'gatherRows'), MANY],
];
