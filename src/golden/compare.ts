import type { NamedTensor } from '../formats/safetensors.ts';

/** One value that is not what was recorded. */
export interface Deviation {
  index: readonly number[];
  expected: number;
  actual: number;
  /** Error as a fraction of what is tolerated; Infinity where nothing is, or where a value is not a number. */
  fraction: number;
}

export interface Comparison {
  /** Of the worst value; 0 for an exact match or an empty tensor, at most 1 passes. */
  fraction: number;
  /** Why the tensors cannot be compared at all; then fraction is Infinity. */
  reason?: string;
  /** How many values are beyond tolerance. */
  failures: number;
  /** The worst of them, worst first. */
  worst: readonly Deviation[];
}

const SHOWN = 5;

/** Compares value by value: |actual − expected| ≤ atol + rtol·|expected|. */
export function compareTensors(
  expected: NamedTensor,
  actual: NamedTensor | undefined,
  atol: number,
  rtol: number,
): Comparison {
  const impossible = (reason: string): Comparison => ({
    fraction: Number.POSITIVE_INFINITY,
    reason,
    failures: expected.data.length,
    worst: [],
  });
  if (!actual) return impossible('was not computed');
  if (actual.dtype !== expected.dtype) return impossible(`is ${actual.dtype}, expected ${expected.dtype}`);
  if (actual.shape.join() !== expected.shape.join() || actual.data.length !== expected.data.length) {
    return impossible(`has shape [${actual.shape}], expected [${expected.shape}]`);
  }
  let fraction = 0;
  let failures = 0;
  let worst: Deviation[] = [];
  for (let i = 0; i < expected.data.length; i++) {
    const want = expected.data[i] ?? Number.NaN;
    const got = actual.data[i] ?? Number.NaN;
    if (want === got) continue;
    // Whole numbers that differ beyond 2^53 still differ here: `want === got` above compares them exactly.
    const error =
      typeof want === 'bigint' && typeof got === 'bigint'
        ? Math.abs(Number(got - want))
        : Math.abs(Number(got) - Number(want));
    const tolerance = atol + rtol * Math.abs(Number(want));
    const ratio = error / tolerance;
    const here = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio;
    fraction = Math.max(fraction, here);
    if (here <= 1) continue;
    failures++;
    const last = worst.at(-1);
    if (worst.length === SHOWN && last && here <= last.fraction) continue;
    worst.push({
      index: unravel(i, expected.shape),
      expected: Number(want),
      actual: Number(got),
      fraction: here,
    });
    worst = worst.sort((a, b) => b.fraction - a.fraction || 0).slice(0, SHOWN);
  }
  return { fraction, failures, worst };
}

/** The index of a row-major element along each dimension. */
function unravel(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const d of [...shape].reverse()) {
    index.unshift(rest % d);
    rest = Math.floor(rest / d);
  }
  return index;
}
