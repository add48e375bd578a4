import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { GoldenCase } from './case.ts';

/** The float32 input of a name. @throws MocoError data-invalid */
export function floatInput(
  goldenCase: GoldenCase,
  name: string,
): { shape: readonly number[]; data: Float32Array } {
  const tensor = goldenCase.inputs.get(name);
  if (tensor?.dtype !== 'F32') throw missing(goldenCase, `float32 input ${name}`);
  return tensor;
}

/** The int64 input of a name, as numbers. @throws MocoError data-invalid */
export function wholeInput(goldenCase: GoldenCase, name: string): number[] {
  const tensor = goldenCase.inputs.get(name);
  if (tensor?.dtype !== 'I64') throw missing(goldenCase, `int64 input ${name}`);
  return Array.from(tensor.data, Number);
}

/** A number among the parameters. @throws MocoError data-invalid */
export function numberParam(goldenCase: GoldenCase, name: string): number {
  const value = goldenCase.params[name];
  if (typeof value !== 'number') throw missing(goldenCase, `number ${name} among its params`);
  return value;
}

/** A list of numbers among the parameters. @throws MocoError data-invalid */
export function numberListParam(goldenCase: GoldenCase, name: string): number[] {
  const value = goldenCase.params[name];
  if (!Array.isArray(value) || !value.every((item): item is number => typeof item === 'number')) {
    throw missing(goldenCase, `list of numbers ${name} among its params`);
  }
  return value;
}

/** What follows a prefix in the names of the inputs, e.g. `k.0.` → a, b, c. @throws MocoError data-invalid if nothing */
export function namesAfter(goldenCase: GoldenCase, prefix: string): string[] {
  const names = [...goldenCase.inputs.keys()].filter((name) => name.startsWith(prefix));
  if (names.length === 0) throw missing(goldenCase, `input whose name starts with ${prefix}`);
  return names.map((name) => name.slice(prefix.length));
}

export function float32(shape: readonly number[], data: Float32Array | readonly number[]): NamedTensor {
  return { dtype: 'F32', shape, data: Float32Array.from(data) };
}

export function int64(shape: readonly number[], data: ArrayLike<number>): NamedTensor {
  return { dtype: 'I64', shape, data: BigInt64Array.from(Array.from(data), BigInt) };
}

function missing(goldenCase: GoldenCase, what: string): MocoError {
  return new MocoError('data-invalid', `golden case ${goldenCase.name} has no ${what}`);
}
