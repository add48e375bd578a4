/**
 * Arithmetic of sizes. A size that is known only when the graph runs is a name, or a whole multiple of a product of
 * names, written `12*batch`: what flattening heads and batch into one axis makes of `batch`.
 */
import type { Dim, Shape } from './graph.ts';

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

/** Product of sizes: how many elements a shape has. */
export function product(dims: Shape): Dim {
  const parts = dims.map(parse);
  const factor = parts.reduce((total, part) => total * part.factor, 1);
  return write({ factor, names: parts.flatMap(({ names }) => names) });
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

/** Elements of a shape whose sizes are all known. */
export function count(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

/** The known part of a size: of `12*batch`, 12. Compares what values of one batch take, whatever the batch is. */
export function knownFactor(dim: Dim): number {
  return parse(dim).factor;
}
