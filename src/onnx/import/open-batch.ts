/**
 * Shapes that hold the open batch, without numbers that are computed when the graph runs (the WebGPU provider has no
 * kernels for those): a Reshape to it is written with 0 and −1, and what is repeated for each image is left to
 * broadcasting or added to zeros of as many images.
 */
import { MocoError } from '../../errors.ts';
import { product, quotient } from '../dims.ts';
import type { Dim, GraphBuilder, Node, Shape } from '../graph.ts';
import type { ShapeScope } from '../shape-rules/rule.ts';
import { inferNode } from '../shapes.ts';
import type { Values } from './values.ts';

/** The target of a Reshape of x as numbers: 0 where it keeps x's size, −1 for one other open size. */
export function reshapeTarget(node: Node, x: Shape, target: readonly Dim[]): number[] {
  const rest = quotient(product(x), product(target.filter((size) => size !== -1)));
  const sizes = target.map((size, axis) => (size === -1 ? rest : size === 0 ? (x[axis] ?? null) : size));
  let open = 0;
  const numbers = sizes.map((size, axis) => {
    if (typeof size === 'number') return size;
    if (size === x[axis]) return 0;
    open++;
    return -1;
  });
  if (open <= 1 && !sizes.includes(null)) return numbers;
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (${node.op}): [${x}] to [${target}] needs more than one size that depends on the batch: fix the batch`,
  );
}

/** An Expand whose shape depends on the batch. */
export interface OpenExpand {
  readonly node: Node;
  readonly from: Shape;
  readonly to: Shape;
}

export interface OpenBatchScope {
  /** Where nodes are written. */
  readonly g: GraphBuilder;
  readonly values: Values;
  /** The images. */
  readonly input: { readonly name: string; readonly shape: Shape };
  /** Whether a value is an output of the graph. */
  isOutput(name: string): boolean;
}

/** Nodes whose inputs broadcast, so that a smaller one does as well. */
const BROADCASTS = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Where', 'MatMul']);

/** The nodes with each open Expand left out where all that read it broadcast, and written in other operators elsewhere. */
export function realizeExpands(
  nodes: readonly Node[],
  expands: ReadonlyMap<string, OpenExpand>,
  { g, values, input, isOutput }: OpenBatchScope,
): Node[] {
  const replaced = new Map<string, string>();
  const inputsOf = (node: Node) => node.inputs.map((name) => replaced.get(name) ?? name);
  const readersOf = new Map<string, Node[]>([...expands.keys()].map((name) => [name, []]));
  for (const node of nodes) for (const name of new Set(node.inputs)) readersOf.get(name)?.push(node);
  for (const [name, { node, from }] of expands) {
    // Of one that has taken the place of another, also the other's readers.
    const readers = readersOf.get(name) ?? [];
    const [x = ''] = inputsOf(node);
    const dispensable = readers.every((reader) => {
      if (!BROADCASTS.has(reader.op)) return false;
      const seen = { get: (input: string) => (input === name ? from : values.shapes.get(input)) };
      const [shape] = tryShape({ ...reader, inputs: inputsOf(reader) }, seen, values.scope) ?? [];
      return String(shape) === String(values.shapes.get(reader.outputs[0]!));
    });
    if (dispensable && !isOutput(name)) {
      replaced.set(name, x);
      const others = readersOf.get(x);
      if (others) others.push(...readers);
    }
  }
  let zero: string | null = null;
  return nodes.flatMap((node): Node[] => {
    const here = { ...node, inputs: inputsOf(node) };
    const expand = expands.get(node.outputs[0] ?? '');
    if (!expand) return [here];
    if (replaced.has(node.outputs[0]!)) return [];
    if (values.types.get(node.outputs[0]!) !== 'float32') {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (${node.op}): whole numbers for each image`,
      );
    }
    const begin = g.build().nodes.length;
    zero ??= zeroPerImage(g, input);
    writeExpand(g, { ...expand, node: here }, zero, input.shape[0]!);
    return g.build().nodes.slice(begin);
  });
}

function tryShape(node: Node, shapes: Pick<ReadonlyMap<string, Shape>, 'get'>, scope: ShapeScope) {
  try {
    return inferNode(node, shapes, scope);
  } catch (error) {
    if (error instanceof MocoError) return null;
    throw error;
  }
}

/** [batch] of zeros: the first value of each image times 0, which is NaN only where that image is not finite anyway. */
export function zeroPerImage(g: GraphBuilder, { name, shape }: { name: string; shape: Shape }): string {
  const others = shape.slice(1).map((_, i) => i + 1);
  const fill = (value: number) => g.ints(others.map(() => value));
  const first = others.length > 0 ? g.op('Slice', [name, fill(0), fill(1), g.ints(others)]) : name;
  return g.op('Reshape', [g.op('Mul', [first, g.scalar(0)]), g.ints([-1])]);
}

function writeExpand(g: GraphBuilder, { node, from, to }: OpenExpand, zero: string, batch: Dim): void {
  let x = node.inputs[0]!;
  const missing = to.length - from.length;
  const before = to.map((_, axis) => from[axis - missing] ?? 1);
  to.forEach((size, axis) => {
    if (typeof size === 'number' || before[axis] === size) return;
    const factor = quotient(size, batch);
    if (typeof factor !== 'number') {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (${node.op}): to [${to}], which is not the batch`,
      );
    }
    const along = to.map((_, other) => (other === axis ? -1 : 1));
    const zeros =
      factor === 1 ? zero : g.op('Expand', [g.op('Reshape', [zero, g.ints([-1, 1])]), g.ints([1, factor])]);
    before[axis] = size;
    const isDone = String(before) === String(to);
    x = g.op('Add', [x, g.op('Reshape', [zeros, g.ints(along)])], {}, isDone ? node.outputs[0] : undefined);
  });
  if (x === node.outputs[0]) return;
  const rest = to.map((size) => (typeof size === 'number' ? size : 1));
  g.op('Expand', [x, g.ints(rest)], {}, node.outputs[0]);
}
