/** scatter-rows.wgsl: rows into the places of a list. */
import type { KernelCases } from '../case.ts';
import { anyBits, MANY, uniforms } from '../inputs.ts';
import { scattered } from '../references/scatter-rows.ts';
import type { Trial } from '../trial.ts';
import { manyRows, SHAPES } from './rows.ts';

/** Into a target that keeps its other rows. */
async function placed(trial: Trial, count: number, dim: number): Promise<void> {
  const before = uniforms((count + 3) * dim, trial.random);
  const values = anyBits(count * dim, trial.random);
  const rows = trial.random.permutation(count + 3).subarray(0, count);
  const target = trial.put(before);
  trial.kernels.scatterRows({ target, source: trial.put(values), rows, dim });
  trial.bits('scattered', await trial.read(target), scattered(before, values, rows, dim));
}

export const scatterRows: KernelCases = [
  ...SHAPES.map(([r, c]) => [`R = ${r}, C = ${c}`, (t: Trial) => placed(t, r, c)] as const),
  ['more than 65,535 workgroups', (t) => manyRows(t, 'scatterRows'), MANY],
];
