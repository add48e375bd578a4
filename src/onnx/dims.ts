/**
 * Arithmetic of sizes. A size that is known only when the graph runs is a name, or a whole multiple of a product of
 * names, written `12*batch`: what flattening heads and batch into one axis makes of `batch`.
 */
import { MocoError } from '../errors.ts';
import type { Dim, Shape } from './graph.ts';

/** Open sizes in one product: a model of images has the batch alone. */
const MOST_NAMES = 8;

interface Monomial {
  readonly factor: number;
  readonly names: readonly string[];
}

function parse(dim: Dim): Monomial {
  if (typeof dim === 'number') return { factor: dim, names: [] };
  const [first = '', ...rest] = dim.split('*');
  return /^\d+$/.test(first)
    ? { factor: Number(first), names: rest }
    : { factor: 1, names: [first, ...rest] };
}

function write({ factor, names }: Monomial): Dim {
  if (names.length === 0 || factor === 0) return factor;
  return [...(factor === 1 ? [] : [factor]), ...names.toSorted()].join('*');
}

/** Product of sizes: how many elements a shape has. @throws MocoError model-invalid for one of too many open sizes */
export function product(dims: Shape): Dim {
  const parts = dims.map(parse);
  const factor = parts.reduce((total, part) => total * part.factor, 1);
  const names = parts.flatMap((part) => part.names);
  if (names.length > MOST_NAMES || (names.length > 0 && factor > Number.MAX_SAFE_INTEGER)) {
    throw new MocoError(
      'model-invalid',
      `a size is a product of ${names.length} open sizes, at most ${MOST_NAMES} are read`,
    );
  }
  return write({ factor, names });
}

/** a / b where it is a whole size for every value of the names; null where it is not. */
export function quotient(a: Dim, b: Dim): Dim | null {
  const [left, right] = [parse(a), parse(b)];
  const names = [...left.names];
  for (const name of right.names) {
    const at = names.indexOf(name);
    if (at < 0) return null;
    names.splice(at, 1);
  }
  const factor = left.factor / right.factor;
  return Number.isSafeInteger(factor) ? write({ factor, names }) : null;
}

/** a + b where it is a size that can be written; null where it is not (`batch + 1`). */
export function sum(a: Dim, b: Dim): Dim | null {
  const [left, right] = [parse(a), parse(b)];
  if (left.factor === 0) return b;
  if (right.factor === 0) return a;
  const same = left.names.toSorted().join('*') === right.names.toSorted().join('*');
  const factor = left.factor + right.factor;
  return same && (factor >= 0 || left.names.length === 0) ? write({ factor, names: left.names }) : null;
}

/** Whether two sizes are the same; null where that depends on the names, which stand for sizes above 0. */
export function equal(a: Dim, b: Dim): boolean | null {
  if (a === b) return true;
  const [left, right] = [parse(a), parse(b)];
  if (left.names.length === 0 && right.names.length === 0) return false;
  if (left.names.length === 0 && left.factor <= 0) return false;
  if (right.names.length === 0 && right.factor <= 0) return false;
  return null;
}

/** Elements of a shape whose sizes are all known. */
export function count(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

/** The known part of a size: of `12*batch`, 12. Compares what values of one batch take, whatever the batch is. */
export function knownFactor(dim: Dim): number {
  return parse(dim).factor;
}
