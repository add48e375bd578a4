/** What kernels are given, checked alike for all backends: shapes, ranges, and that arrays are live. */
import { expectArgument, instance, shown } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { DeviceArray } from './device-array.ts';

/** @throws MocoError shape-mismatch unless an array has the length its dimensions ask for */
export function expectLength(name: string, actual: number, expected: number, dimensions: string): void {
  if (actual !== expected) {
    throw new MocoError(
      'shape-mismatch',
      `${name} has ${actual} elements, but ${dimensions} needs ${expected}`,
    );
  }
}

/** @throws MocoError shape-mismatch unless lists that go together are equally long */
export function expectSameCount(what: string, counts: readonly number[]): void {
  if (counts.some((count) => count !== counts[0])) {
    throw new MocoError('shape-mismatch', `${what} come in lists of different lengths: ${counts.join(', ')}`);
  }
}

/** @throws MocoError shape-mismatch unless value is a whole number in [low, high] */
export function expectWhole(name: string, value: number, low: number, high = 2 ** 31 - 1): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new MocoError(
      'shape-mismatch',
      `${name} is ${shown(value)}, but must be a whole number in [${low}, ${high}]`,
    );
  }
}

/** @throws MocoError usage unless value is a finite number for which `holds` is true */
export function expectNumber(name: string, value: number, holds: boolean, range: string): void {
  if (!Number.isFinite(value) || !holds) {
    throw new MocoError('usage', `${name} is ${shown(value)}, but must be ${range}`);
  }
}

/** @throws MocoError usage where a result is an array that it is computed from, or another result */
export function expectOwn(
  results: Readonly<Record<string, DeviceArray>>,
  given: Readonly<Record<string, DeviceArray>>,
): void {
  const taken = new Set(Object.values(given));
  for (const [name, array] of Object.entries(results)) {
    if (taken.has(array)) {
      throw new MocoError(
        'usage',
        `${name} is an array that it is computed from, or another result: give it its own`,
      );
    }
    taken.add(array);
  }
}

/** The arrays of a call. */
export class Checks {
  /** Throws MocoError array-freed unless an array is a live one of these kernels. */
  readonly live: (array: DeviceArray, name: string) => void;

  constructor(live: (array: DeviceArray, name: string) => void) {
    this.live = live;
  }

  /** @throws MocoError shape-mismatch unless an array has the length that its dimensions ask for */
  matrix(name: string, array: DeviceArray, rows: number, columns?: number): void {
    expectWhole(`the number of rows of ${name}`, rows, 0);
    if (columns !== undefined) expectWhole(`the number of columns of ${name}`, columns, 1);
    const shape = columns === undefined ? `[${rows}]` : `[${rows}, ${columns}]`;
    expectLength(name, array.length, rows * (columns ?? 1), shape);
    this.live(array, name);
  }

  /** Arrays, by their names, that are all as long as the first. @throws MocoError shape-mismatch */
  alike(arrays: Readonly<Record<string, DeviceArray>>): void {
    const [[first, { length }] = ['', { length: 0 }]] = Object.entries(arrays);
    for (const [name, array] of Object.entries(arrays)) {
      expectLength(name, array.length, length, `the length of ${first}`);
      this.live(array, name);
    }
  }

  gate(gate: DeviceArray | undefined): void {
    if (gate) this.matrix('gate', gate, 1);
  }

  /** Lists, by their names, of which the i-th arrays go together and are equally long. */
  lists(lists: Readonly<Record<string, readonly DeviceArray[]>>): void {
    const names = Object.keys(lists);
    const [first = [], ...others] = Object.values(lists);
    const what = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
    expectSameCount(
      what,
      Object.values(lists).map(({ length }) => length),
    );
    for (const [i, array] of first.entries()) {
      this.live(array, `${names[0]}[${i}]`);
      for (const [at, list] of others.entries()) {
        const name = `${names[at + 1]}[${i}]`;
        expectLength(name, list[i]!.length, array.length, 'its partner');
        this.live(list[i]!, name);
      }
    }
  }
}

/** Values into an array, from an element on. @throws MocoError usage, shape-mismatch */
export function checkWrite(target: DeviceArray, values: Float32Array, offset: number): void {
  expectArgument('write', 'values', values, instance('a Float32Array', 'Float32Array'));
  expectWhole('offset', offset, 0);
  if (offset + values.length > target.length) {
    throw new MocoError(
      'shape-mismatch',
      `values has ${values.length} elements at offset ${offset}, but target only ${target.length}`,
    );
  }
}
