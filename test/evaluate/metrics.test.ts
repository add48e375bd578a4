import { describe, expect, it } from 'vitest';
import { toUnit } from '../../src/conformance/inputs.ts';
import { eigenvalues } from '../../src/evaluate/eigenvalues.ts';
import {
  alignment,
  columnDeviation,
  meanSquare,
  rankMe,
  sampleOf,
  uniformity,
  unitRows,
} from '../../src/evaluate/metrics.ts';
import { generator, normals } from '../kernels/inputs.ts';

/** [n, n] orthogonal: Gram and Schmidt on random rows. */
function orthogonal(n: number, seed: number): Float64Array {
  const q = Float64Array.from(normals(n * n, generator(seed)));
  for (let i = 0; i < n; i++) {
    const row = q.subarray(i * n, (i + 1) * n);
    // Twice, as once is not enough in floating point.
    for (const _ of [0, 1]) {
      for (let j = 0; j < i; j++) {
        const other = q.subarray(j * n, (j + 1) * n);
        const dot = row.reduce((sum, value, c) => sum + value * other[c]!, 0);
        row.forEach((value, c) => {
          row[c] = value - dot * other[c]!;
        });
      }
    }
    const norm = Math.hypot(...row);
    row.forEach((value, c) => {
      row[c] = value / norm;
    });
  }
  return q;
}

/** Qᵀ·diag(values)·Q */
function withEigenvalues(values: readonly number[], seed: number): Float64Array {
  const n = values.length;
  const q = orthogonal(n, seed);
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) matrix[i * n + j]! += values[k]! * q[k * n + i]! * q[k * n + j]!;
    }
  }
  return matrix;
}

describe('eigenvalues', () => {
  it.each([
    ['one', [3]],
    ['two', [-1, 4]],
    ['different signs', [-7, -1e-3, 0, 2, 2.5, 30]],
    ['twins', [1, 1, 1, 5, 5, 8, 8, 8]],
    ['all alike', [2, 2, 2, 2, 2]],
    ['of rank one', [0, 0, 0, 0, 0, 0, 9]],
    ['many', Array.from({ length: 60 }, (_, i) => i ** 2 / 10)],
  ])('%s: those that the matrix was made of', (_, values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const largest = Math.max(...values.map(Math.abs));
    const found = eigenvalues(withEigenvalues(values, values.length), values.length);
    found.forEach((value, k) => {
      // The matrix rounds n times too.
      expect(Math.abs(value - sorted[k]!), `number ${k}`).toBeLessThan(values.length * 1e-15 * largest);
    });
  });

  it('of a diagonal matrix, and of none', () => {
    expect([...eigenvalues(Float64Array.of(2, 0, 0, 0, -3, 0, 0, 0, 0), 3)]).toEqual([
      -3,
      expect.closeTo(0, 14),
      expect.closeTo(2, 14),
    ]);
    expect(eigenvalues(new Float64Array(), 0).length).toBe(0);
    expect([...eigenvalues(new Float64Array(9), 3)]).toEqual([0, 0, 0]);
  });
});

describe('RankMe', () => {
  it('counts the dimensions that rows take evenly', () => {
    const identity = (n: number) =>
      Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 2 : 0));
    for (const n of [1, 4, 33]) expect(rankMe(identity(n), n)).toBeCloseTo(n, 3);
    // All rows alike: one dimension. n·1e-7·ln(1e7) from the constant in the entropy.
    expect(rankMe(new Float32Array(20 * 6).fill(1.5), 6)).toBeCloseTo(1, 3);
    expect(rankMe(new Float32Array(20 * 6), 6)).toBe(1);
  });

  it('is the same for a matrix and its transpose', () => {
    const [rows, dim] = [7, 30];
    const x = normals(rows * dim, generator(2));
    const transposed = x.map((_, i) => x[(i % rows) * dim + Math.floor(i / rows)]!);
    expect(rankMe(x, dim)).toBeCloseTo(rankMe(transposed, rows), 10);
    expect(rankMe(x, dim)).toBeGreaterThan(5);
    expect(rankMe(x, dim)).toBeLessThanOrEqual(7.001);
  });
});

describe('how rows lie', () => {
  it.each([1, 6, 7])('alignment, uniformity and deviation of %i features: by their definitions', (dim) => {
    const [rows, random] = [23, generator(dim)];
    const [q, k] = [
      toUnit(normals(rows * dim, random), rows, dim),
      toUnit(normals(rows * dim, random), rows, dim),
    ];
    const [x, y] = [Float32Array.from(q), Float32Array.from(k)];
    const square = (a: Float32Array, i: number, b: Float32Array, j: number) =>
      Array.from({ length: dim }, (_, c) => (a[i * dim + c]! - b[j * dim + c]!) ** 2).reduce(
        (s, v) => s + v,
        0,
      );
    const indices = Array.from({ length: rows }, (_, i) => i);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(alignment(x, y, dim)).toBeCloseTo(mean(indices.map((i) => square(x, i, y, i))), 12);
    const pairs = indices.flatMap((i) =>
      indices.filter((j) => j < i).map((j) => Math.exp(-2 * square(x, i, x, j))),
    );
    expect(uniformity(x, dim)).toBeCloseTo(Math.log(mean(pairs)), 12);
    const deviations = Array.from({ length: dim }, (_, c) => {
      const column = indices.map((r) => x[r * dim + c]!);
      return Math.sqrt(column.reduce((sum, value) => sum + (value - mean(column)) ** 2, 0) / (rows - 1));
    });
    expect(columnDeviation(x, dim)).toBeCloseTo(mean(deviations), 12);
  });

  it('of rows that are all the same', () => {
    const same = new Float32Array(10 * 4).fill(0.5);
    expect([alignment(same, same, 4), uniformity(same, 4), columnDeviation(same, 4)]).toEqual([0, 0, 0]);
    expect(uniformity(same.subarray(0, 4), 4)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('brings rows to unit length, and takes some of many, evenly spaced', () => {
    expect([...unitRows(Float32Array.of(3, 4, 0, 0, -2, 0), 2)]).toEqual([
      Math.fround(0.6),
      Math.fround(0.8),
      0,
      0,
      -1,
      0,
    ]);
    expect(meanSquare(Float32Array.of(3, 4, 0, 1), 2)).toBe(13);
    const few = normals(20, generator(1));
    expect(sampleOf(few, 4)).toEqual(few);
    const many = Float32Array.from({ length: 5000 }, (_, i) => i);
    const sample = sampleOf(many, 1);
    expect([sample.length, sample[0], sample[1], sample[2047]]).toEqual([2048, 0, 2, 4997]);
  });
});
