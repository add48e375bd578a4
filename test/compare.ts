export interface Mismatch {
  index: number;
  expected: number;
  actual: number;
  tolerance: number;
}

/** An aligned table of the first mismatches: where, expected, actual, difference, tolerance. */
export function mismatchTable(
  what: string,
  mismatches: readonly Mismatch[],
  shape: readonly number[],
): string {
  const rows = mismatches
    .slice(0, 8)
    .map(({ index, expected, actual, tolerance }) => [
      `[${coordinates(index, shape).join(', ')}]`,
      String(expected),
      String(actual),
      (actual - expected).toExponential(2),
      tolerance.toExponential(2),
    ]);
  const table = [['where', 'expected', 'actual', 'difference', 'tolerance'], ...rows];
  const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c]!))
      .join('  ')
      .trimEnd(),
  );
  return [`${what}: ${mismatches.length} values are off`, ...lines].join('\n');
}

function coordinates(index: number, shape: readonly number[]): number[] {
  const result: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    result.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return result;
}

/**
 * Throws unless |actual − expected| ≤ tolerance everywhere; tolerance is one number or one for each value. NaN is never
 * close. An empty comparison is an error, so that no test passes by comparing nothing.
 */
export function expectClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number | ArrayLike<number>,
  shape: readonly number[] = [expected.length],
): void {
  if (expected.length === 0) throw new Error(`${what}: nothing to compare`);
  if (actual.length !== expected.length) {
    throw new Error(`${what}: ${actual.length} values, expected ${expected.length}`);
  }
  const mismatches: Mismatch[] = [];
  for (let i = 0; i < expected.length; i++) {
    const bound = typeof tolerance === 'number' ? tolerance : tolerance[i]!;
    if (!(Math.abs(actual[i]! - expected[i]!) <= bound)) {
      mismatches.push({ index: i, expected: expected[i]!, actual: actual[i]!, tolerance: bound });
    }
  }
  if (mismatches.length) throw new Error(mismatchTable(what, mismatches, shape));
}

/** Throws unless the bits are the same (so −0 is not 0). */
export function expectSameBits(what: string, actual: Float32Array, expected: Float32Array): void {
  const a = new Uint32Array(Float32Array.from(actual).buffer);
  const e = new Uint32Array(Float32Array.from(expected).buffer);
  if (a.length !== e.length) throw new Error(`${what}: ${a.length} values, expected ${e.length}`);
  const mismatches: Mismatch[] = [];
  for (let i = 0; i < e.length; i++) {
    if (a[i] !== e[i])
      mismatches.push({ index: i, expected: expected[i]!, actual: actual[i]!, tolerance: 0 });
  }
  if (mismatches.length) throw new Error(mismatchTable(what, mismatches, [e.length]));
}
