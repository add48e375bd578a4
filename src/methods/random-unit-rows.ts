import { Random, STREAMS } from '../random.ts';

/** [rows, dim] unit vectors of random direction: what a queue holds before any key (moco/builder.py of the reference). */
export function randomUnitRows(rows: number, dim: number, seed: number): Float32Array {
  const values = new Float32Array(rows * dim);
  const random = new Random({ seed, stream: STREAMS.queueInit });
  const row = new Float64Array(dim);
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    for (let c = 0; c < dim; c++) {
      const value = random.normal();
      row[c] = value;
      squares += value * value;
    }
    const norm = Math.sqrt(squares);
    for (let c = 0; c < dim; c++) values[r * dim + c] = row[c]! / norm;
  }
  return values;
}
