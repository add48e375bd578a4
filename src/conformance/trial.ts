import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Random } from '../random.ts';
import type { Accuracy } from './accuracy.ts';
import type { Approximation } from './references/approximation.ts';

/** The value of a case that is furthest beyond its bound. */
export interface Failure {
  /** What was compared. */
  what: string;
  /** Its place, in the dimensions of the array. */
  index: number[];
  expected: number;
  actual: number;
  /** |actual − expected|. */
  error: number;
  /** What it may be. */
  bound: number;
  /** How many values are beyond their bounds. */
  count: number;
}

/** One run of one case: its arrays, its random numbers, and what it found. */
export class Trial {
  readonly kernels: Kernels;
  readonly accuracy: Accuracy;
  readonly random: Random;
  readonly #taken: DeviceArray[] = [];
  #worst: number | null = null;
  #failure: Failure | null = null;

  constructor(kernels: Kernels, accuracy: Accuracy, random: Random) {
    this.kernels = kernels;
    this.accuracy = accuracy;
    this.random = random;
  }

  /** The largest error as a fraction of its bound; null where nothing was compared. */
  get worst(): number | null {
    return this.#worst;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  /** An array that lives until the end of the case. */
  put(values: ArrayLike<number>): DeviceArray {
    const array = this.kernels.allocate(values.length);
    this.#taken.push(array);
    this.kernels.write(array, values instanceof Float32Array ? values : Float32Array.from(values));
    return array;
  }

  zeros(length: number): DeviceArray {
    const array = this.kernels.allocate(length);
    this.#taken.push(array);
    return array;
  }

  read(array: DeviceArray): Promise<Float32Array> {
    return this.kernels.read(array);
  }

  free(): void {
    for (const array of this.#taken.splice(0)) this.kernels.free(array);
  }

  /**
   * |actual − expected| ≤ bound, with a bound for all or one for each. Expected values that are fewer than the actual
   * ones repeat, and so do their bounds. NaN is never close.
   */
  close(
    what: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    bound: number | ArrayLike<number>,
    shape: readonly number[] = [actual.length],
  ): void {
    const fraction = (i: number, j: number): number => {
      const error = Math.abs(actual[i]! - expected[j]!);
      const most = typeof bound === 'number' ? bound : bound[j]!;
      if (error <= most) return error === 0 ? 0 : error / most;
      return Number.isFinite(error) ? error / most : Number.POSITIVE_INFINITY;
    };
    const boundOf = (j: number): number => (typeof bound === 'number' ? bound : bound[j]!);
    this.#compare(what, actual, expected, shape, fraction, boundOf);
  }

  /** The same bits: −0 is not 0, and each NaN is itself. Expected values repeat as in `close`. */
  bits(what: string, actual: Float32Array, expected: Float32Array): void {
    const a = bitsOf(actual);
    const e = bitsOf(expected);
    const fraction = (i: number, j: number): number => (a[i] === e[j] ? 0 : Number.POSITIVE_INFINITY);
    this.#compare(what, actual, expected, [actual.length], fraction, () => 0);
  }

  /** Near float64; on wasm also the bits of one float32 operation after the other. */
  near(what: string, actual: Float32Array, want: Approximation): void {
    this.close(what, actual, want.exact, want.bound);
    if (this.accuracy.exact) this.bits(`bits of ${what}`, actual, want.bits);
  }

  /** Something that holds or does not. */
  that(what: string, holds: boolean): void {
    this.close(what, [holds ? 1 : 0], [1], 0);
  }

  /** Fractions beyond 1 fail. */
  #compare(
    what: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    shape: readonly number[],
    fractionOf: (i: number, j: number) => number,
    boundOf: (j: number) => number,
  ): void {
    const period = expected.length;
    // Nothing to compare would pass.
    if (period === 0 || actual.length % period !== 0) {
      throw new Error(`${what}: ${actual.length} values cannot be compared with ${period}`);
    }
    let count = 0;
    let worst = -1;
    let at = 0;
    for (let i = 0, j = 0; i < actual.length; i++, j = j + 1 === period ? 0 : j + 1) {
      const fraction = fractionOf(i, j);
      if (fraction > 1) count++;
      if (fraction <= worst) continue;
      worst = fraction;
      at = i;
    }
    // Bits that differ have no size: they do not take the place of an error that has one.
    if (count > 0 && (!this.#failure || (worst > this.#worst! && boundOf(at % period) > 0))) {
      const [got, want, bound] = [actual[at]!, expected[at % period]!, boundOf(at % period)];
      const error = Math.abs(got - want);
      const index = coordinates(at, shape);
      this.#failure = { what, index, expected: want, actual: got, error, bound, count };
    }
    this.#worst = Math.max(this.#worst ?? 0, worst);
  }
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
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
