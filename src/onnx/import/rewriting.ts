import { MocoError } from '../../errors.ts';
import type { Dim, GraphBuilder, Node, Shape } from '../graph.ts';
import { fixed } from '../shape-rules/rule.ts';

/** What a rewriting of a node may ask, and where it writes. */
export interface RewriteScope {
  readonly g: GraphBuilder;
  /** The opset that the node is written in. */
  readonly opset: number;
  shape(name: string): Shape;
  /** The whole numbers of a value that is known at import. */
  ints(name: string | undefined): readonly number[] | undefined;
  /** All elements of a value that is known at import; an open size is a name. */
  known(name: string): readonly Dim[] | undefined;
  /** Whether the value is a weight or a running statistic, which training changes. */
  isHeld(name: string): boolean;
  /** Whether a node reads the value. */
  isRead(name: string): boolean;
}

/** Appends nodes to scope.g that together do what the node does, under the names of its outputs. */
export type Rewriting = (node: Node, scope: RewriteScope) => void;
export type Rewritings = Readonly<Record<string, Rewriting>>;

/** Whole numbers that have to be known. @throws MocoError operator-unsupported where they depend on data */
export function knownInts(node: Node, input: number, scope: RewriteScope): readonly number[] {
  const values = scope.ints(node.inputs[input]);
  if (values) return values;
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (${node.op}): input ${node.inputs[input]} must be a constant, but depends on the images or their number`,
  );
}

/** Reshape to sizes of which one, the batch, may be open: it becomes −1. */
export function reshapeTo(
  node: Node,
  scope: RewriteScope,
  x: string,
  shape: readonly Dim[],
  output?: string,
): string {
  const open = shape.findIndex((size) => typeof size === 'string');
  const sizes = shape.map((size, axis) => (axis === open ? -1 : fixed(node, size)));
  return scope.g.op('Reshape', [x, scope.g.ints(sizes)], {}, output);
}
