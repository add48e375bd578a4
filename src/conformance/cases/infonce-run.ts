/** infonce on inputs, and against float64. */
import { unitRows } from '../inputs.ts';
import { infoNceReference } from '../references/infonce.ts';
import type { Trial } from '../trial.ts';

export interface InfoNceInputs {
  query: Float32Array;
  key: Float32Array;
  queue: Float32Array;
  rows: number;
  dim: number;
  queueSize: number;
  temperature: number;
  gradientScale: number;
}

export interface InfoNceResult {
  loss: Float32Array;
  dQuery: Float32Array;
  rank: Float32Array;
}

/** Unit rows, spread over the sphere. */
export function spread(
  trial: Trial,
  rows: number,
  dim: number,
  queueSize: number,
  temperature = 0.2,
): InfoNceInputs {
  const { random } = trial;
  return {
    query: unitRows(rows, dim, random),
    key: unitRows(rows, dim, random),
    queue: unitRows(queueSize, dim, random),
    ...{ rows, dim, queueSize, temperature, gradientScale: 1 / rows },
  };
}

export async function run(trial: Trial, inputs: InfoNceInputs): Promise<InfoNceResult> {
  const [loss, rank] = [trial.zeros(inputs.rows), trial.zeros(inputs.rows)];
  const dQuery = trial.zeros(inputs.rows * inputs.dim);
  const arrays = {
    query: trial.put(inputs.query),
    key: trial.put(inputs.key),
    queue: trial.put(inputs.queue),
  };
  trial.kernels.infonce({ ...inputs, ...arrays, loss, dQuery, rank });
  return { loss: await trial.read(loss), dQuery: await trial.read(dQuery), rank: await trial.read(rank) };
}

export async function check(trial: Trial, inputs: InfoNceInputs): Promise<InfoNceResult> {
  const { query, key, queue, rows, dim, queueSize, temperature, gradientScale } = inputs;
  const got = await run(trial, inputs);
  const shape = [rows, dim, queueSize, temperature, gradientScale] as const;
  const want = infoNceReference(query, key, queue, ...shape, trial.accuracy);
  trial.close('rank', got.rank, want.rank, 0);
  trial.close('loss', got.loss, want.loss, want.lossBound);
  trial.close('dQuery', got.dQuery, want.dQuery, want.dQueryBound, [rows, dim]);
  return got;
}
