import { MocoError } from '../errors.ts';
import type { SgdOptions } from './kernels.ts';

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
      `${name} is ${value}, but must be a whole number in [${low}, ${high}]`,
    );
  }
}

/** @throws MocoError usage unless value is a finite number for which `holds` is true */
export function expectNumber(name: string, value: number, holds: boolean, range: string): void {
  if (!Number.isFinite(value) || !holds) {
    throw new MocoError('usage', `${name} is ${value}, but must be ${range}`);
  }
}

/** @throws MocoError usage unless all of them are finite and at least 0 */
export function expectSgdOptions({ learningRate, momentum, weightDecay }: SgdOptions): void {
  for (const [name, value] of Object.entries({ learningRate, momentum, weightDecay })) {
    expectNumber(name, value, value >= 0, 'at least 0');
  }
}
