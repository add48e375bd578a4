import { MocoError } from '../../errors.ts';
import type { Dim, Node, Shape } from '../graph.ts';

/** What a shape rule may ask for besides the shapes of the node's inputs. */
export interface ShapeScope {
  /** The whole numbers of an input that is a constant (axes, a target shape, slice bounds). */
  ints(name: string | undefined): readonly number[] | undefined;
}

/** The shapes of the node's outputs from those of its inputs ([] for an input that is left out). */
export type ShapeRule = (node: Node, inputs: readonly Shape[], scope: ShapeScope) => readonly Shape[];

export type ShapeRules = Readonly<Record<string, ShapeRule>>;

export function misfit(node: Node, what: string): MocoError {
  return new MocoError('shape-mismatch', `node ${node.name} (${node.op}): ${what}`);
}

export function unsupported(node: Node, what: string): MocoError {
  return new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what}`);
}

/** Whole numbers that must be part of the graph. @throws MocoError operator-unsupported where they are computed from data */
export function constantInts(node: Node, input: number, scope: ShapeScope): readonly number[] {
  const values = scope.ints(node.inputs[input]);
  if (values) return values;
  throw unsupported(
    node,
    `input ${node.inputs[input]} must be a constant, but is computed when the graph runs`,
  );
}

/** A size that must be known before the graph runs. */
export function fixed(node: Node, size: Dim | undefined): number {
  if (typeof size === 'number' && size > 0) return size;
  throw misfit(node, `size ${String(size)} must be a fixed number above 0 (only the batch may be dynamic)`);
}

/** Axes counted from the front, each once. @throws MocoError shape-mismatch for one that does not exist */
export function normalAxes(node: Node, axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  if (result.some((axis) => axis < 0 || axis >= rank) || new Set(result).size !== result.length) {
    throw misfit(node, `axes [${axes}] do not fit ${rank} dimensions`);
  }
  return result;
}

/** x, to which another input has to broadcast without making it larger. */
export function onto(node: Node, x: Shape, other: Shape): Shape {
  if (String(broadcast(node, x, other)) === String(x)) return x;
  throw misfit(node, `[${other}] does not broadcast to [${x}]`);
}

/** The shape that both broadcast to (numpy's rule). */
export function broadcast(node: Node, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw misfit(node, `[${a}] and [${b}] do not broadcast`);
  });
}
