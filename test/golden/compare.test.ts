import { describe, expect, it } from 'vitest';
import type { NamedTensor } from '../../src/formats/safetensors.ts';
import { compareTensors } from '../../src/golden/compare.ts';

const f32 = (...values: number[]): NamedTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const i64 = (...values: bigint[]): NamedTensor => ({
  dtype: 'I64',
  shape: [values.length],
  data: BigInt64Array.from(values),
});

describe('compareTensors', () => {
  it('gives the worst error as a fraction of atol + rtol·|expected|', () => {
    expect(compareTensors(f32(0, 100), f32(0.5, 101), 1, 0.01).fraction).toBeCloseTo(0.5, 6);
    expect(compareTensors(f32(0, 100), f32(0, 101), 0.5, 0.01).fraction).toBeCloseTo(1 / 1.5, 6);
    const worse = compareTensors(f32(0, 100), f32(3, 101), 1, 0.01);
    expect(worse).toMatchObject({ fraction: 3, failures: 1 });
    expect(worse.worst[0]).toMatchObject({ index: [0], expected: 0, actual: 3, fraction: 3 });
  });

  it('is exact where nothing is tolerated', () => {
    expect(compareTensors(f32(1, 2), f32(1, 2), 0, 0).fraction).toBe(0);
    expect(compareTensors(f32(1, 2), f32(1, 2 + 2 ** -22), 0, 0).fraction).toBe(Number.POSITIVE_INFINITY);
    const [big, next] = [2n ** 60n, 2n ** 60n + 1n]; // the same as doubles
    expect(compareTensors(i64(big), i64(next), 0, 0).fraction).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['NaN', f32(1, Number.NaN)],
    ['infinity', f32(1, Number.POSITIVE_INFINITY)],
    ['another shape', { dtype: 'F32', shape: [2, 1], data: Float32Array.of(1, 2) } as NamedTensor],
    ['another length', f32(1)],
    ['another type', i64(1n, 2n)],
    ['nothing', undefined],
  ])('fails %s whatever is tolerated', (_, actual) => {
    expect(compareTensors(f32(1, 2), actual, 1e30, 1).fraction).toBe(Number.POSITIVE_INFINITY);
  });

  it('shows the five worst, worst first, by their index', () => {
    const expected: NamedTensor = { dtype: 'F32', shape: [2, 5], data: new Float32Array(10) };
    const actual: NamedTensor = {
      ...expected,
      data: Float32Array.of(1, 9, 2, 8, 3, 7, 4, 6, 5, Number.NaN),
    };
    const { failures, worst } = compareTensors(expected, actual, 0.5, 0);
    expect(failures).toBe(10);
    expect(worst.map(({ index }) => index)).toEqual([
      [1, 4],
      [0, 1],
      [0, 3],
      [1, 0],
      [1, 2],
    ]);
  });
});
