/** Scalar arithmetic of values known at import, on numbers and open sizes; null where a result depends on an open size. */
import { intAttribute } from '../attributes.ts';
import { equal, product, quotient, sum } from '../dims.ts';
import type { Dim, ElementType, Node } from '../graph.ts';

export type Scalar = (operands: readonly Dim[], type: ElementType, node: Node) => Dim | null;

const isWhole = (type: ElementType) => type === 'int64' || type === 'int32' || type === 'uint8';

/** On numbers alone. */
const numeric =
  (compute: (...operands: number[]) => number): Scalar =>
  (operands) =>
    operands.every((x) => typeof x === 'number') ? compute(...operands) : null;

const comparison = (holds: (a: number, b: number) => boolean): Scalar =>
  numeric((a, b) => (holds(a!, b!) ? 1 : 0));

/** Whole numbers divide towards 0, as in C++. */
const divide: Scalar = ([a = 0, b = 1], type) => {
  if (typeof a === 'string' || typeof b === 'string') return quotient(a, b);
  if (!isWhole(type)) return a / b;
  return b === 0 ? null : Math.trunc(a / b);
};

const multiply: Scalar = ([a = 0, b = 0]) => {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const factor = typeof a === 'number' ? a : b;
  // An open size has whole factors above 0 only.
  if (typeof factor === 'number' && !(Number.isSafeInteger(factor) && factor >= 0)) return null;
  return product([a, b]);
};

const modulo: Scalar = ([a = 0, b = 1], type, node) => {
  if (typeof b !== 'number' || b === 0) return null;
  if (typeof a === 'string') return quotient(a, b) === null ? null : 0;
  const rest = a % b;
  const truncated = intAttribute(node, 'fmod', 0) !== 0 || !isWhole(type);
  return truncated || rest === 0 || rest < 0 === b < 0 ? rest : rest + b;
};

/** Ties to even; −0.5 is −0. */
function round(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : -(-floor - 1);
}

/** A size is whole already. */
const toWhole =
  (compute: (x: number) => number): Scalar =>
  ([x = 0]) =>
    typeof x === 'string' ? x : compute(x);

export const SCALARS: Readonly<Record<string, Scalar>> = {
  Add: ([a = 0, b = 0]) => (typeof a === 'number' && typeof b === 'number' ? a + b : sum(a, b)),
  Sub: ([a = 0, b = 0]) => {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (a === b) return 0;
    return b === 0 ? a : null;
  },
  Mul: multiply,
  Div: divide,
  Mod: modulo,
  Pow: numeric((a, b) => a! ** b!),
  Min: numeric(Math.min),
  Max: numeric(Math.max),
  Equal: ([a = 0, b = 0]) => {
    const same = equal(a, b);
    return same === null ? null : Number(same);
  },
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  And: comparison((a, b) => a !== 0 && b !== 0),
  Or: comparison((a, b) => a !== 0 || b !== 0),
  Xor: comparison((a, b) => (a !== 0) !== (b !== 0)),
  Not: numeric((a) => (a === 0 ? 1 : 0)),
  Where: ([condition, a = 0, b = 0]) => (typeof condition === 'string' || condition !== 0 ? a : b),
  Neg: numeric((a) => -a!),
  Abs: toWhole(Math.abs),
  Floor: toWhole(Math.floor),
  Ceil: toWhole(Math.ceil),
  Round: toWhole(round),
  Sqrt: numeric(Math.sqrt),
  Reciprocal: numeric((a) => 1 / a!),
};

/** A value as an element of that type. */
export function castScalar(x: Dim, type: ElementType): Dim {
  if (type === 'bool') return typeof x === 'string' || x !== 0 ? 1 : 0;
  if (typeof x === 'string') return x;
  return isWhole(type) ? Math.trunc(x) : Math.fround(x);
}
