/** ntxent on inputs, and against float64. */
import { unitRows } from '../inputs.ts';
import { ntxentReference } from '../references/ntxent.ts';
import type { Trial } from '../trial.ts';

export interface NtXentInputs {
  /** [rows, dim] */
  z: Float32Array;
  rows: number;
  dim: number;
  temperature: number;
  gradientScale: number;
}

export interface NtXentResult {
  loss: Float32Array;
  rank: Float32Array;
  dz: Float32Array;
}

/** Unit rows, spread over the sphere: views are as far from each other as from other images. */
export function spread({ random }: Trial, rows: number, dim: number, temperature = 0.2): NtXentInputs {
  return { z: unitRows(rows, dim, random), rows, dim, temperature, gradientScale: 1 / rows };
}

export async function run(trial: Trial, inputs: NtXentInputs): Promise<NtXentResult> {
  const { rows, dim } = inputs;
  const [loss, rank, dz] = [trial.zeros(rows), trial.zeros(rows), trial.zeros(rows * dim)];
  trial.kernels.ntxent({ ...inputs, z: trial.put(inputs.z), loss, rank, dz });
  return { loss: await trial.read(loss), rank: await trial.read(rank), dz: await trial.read(dz) };
}

export async function check(trial: Trial, inputs: NtXentInputs): Promise<NtXentResult> {
  const { z, rows, dim, temperature, gradientScale } = inputs;
  const got = await run(trial, inputs);
  const want = ntxentReference(z, rows, dim, temperature, gradientScale, trial.accuracy);
  trial.close('rank', got.rank, want.rank, 0);
  trial.close('loss', got.loss, want.loss, want.lossBound);
  trial.close('dz', got.dz, want.dz, want.dzBound, [rows, dim]);
  return got;
}
