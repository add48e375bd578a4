/** What an operator makes of values that are known at import. */
import { intAttribute, intsAttribute } from '../attributes.ts';
import { count } from '../dims.ts';
import type { Constant, Dim, ElementType, Node } from '../graph.ts';
import { sliceBounds } from '../shape-rules/layout.ts';
import { reducedAxes } from '../shape-rules/reduction.ts';
import { normalAxes, type ShapeScope } from '../shape-rules/rule.ts';
import { castScalar, SCALARS } from './arithmetic.ts';
import { broadcastSteps, type Known, MOST_KNOWN, offsets, strides } from './known.ts';

export interface Evaluation {
  readonly node: Node;
  /** undefined for an optional input that is left out. */
  readonly inputs: readonly (Known | undefined)[];
  /** Shape and type of the first output. */
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly scope: ShapeScope;
}

type Evaluate = (evaluation: Evaluation, x: Known) => readonly Dim[] | null;

const sameData: Evaluate = (_, x) => x.data;

const pick = (x: Known, at: Iterable<number>): Dim[] => Array.from(at, (offset) => x.data[offset]!);

const transpose: Evaluate = ({ node, shape }, x) => {
  const order = intsAttribute(node, 'perm', Array.from(x.shape.keys()).reverse());
  const steps = strides(x.shape);
  return pick(
    x,
    offsets(
      shape,
      normalAxes(node, order, x.shape.length).map((axis) => steps[axis]!),
    ),
  );
};

const slice: Evaluate = ({ node, shape, scope }, x) => {
  const steps = strides(x.shape);
  let start = 0;
  for (const bound of sliceBounds(node, x.shape, (input) => scope.ints(node.inputs[input]) ?? [])) {
    start += bound.start * steps[bound.axis]!;
    steps[bound.axis]! *= bound.step;
  }
  return pick(x, offsets(shape, steps, start));
};

const gather: Evaluate = ({ node, inputs }, x) => {
  const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], x.shape.length);
  const size = x.shape[axis]!;
  const inner = count(x.shape.slice(axis + 1));
  const result: Dim[] = [];
  for (let outer = 0; outer < count(x.shape.slice(0, axis)); outer++) {
    for (const index of inputs[1]?.data ?? []) {
      if (typeof index === 'string' || index < -size || index >= size) return null;
      const from = (outer * size + (index < 0 ? index + size : index)) * inner;
      for (let i = from; i < from + inner; i++) result.push(x.data[i]!);
    }
  }
  return result;
};

const concat: Evaluate = ({ node, inputs }, first) => {
  const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], first.shape.length);
  const rows = count(first.shape.slice(0, axis));
  return Array.from({ length: rows }, (_, row) =>
    inputs.flatMap((input) => {
      const length = (input?.data.length ?? 0) / rows;
      return input?.data.slice(row * length, (row + 1) * length) ?? [];
    }),
  ).flat();
};

const expand: Evaluate = ({ shape }, x) => pick(x, offsets(shape, broadcastSteps(x.shape, shape)));

const cast: Evaluate = ({ type }, x) => x.data.map((value) => castScalar(value, type));

function pointwise({ node, inputs, shape, type }: Evaluation): readonly Dim[] | null {
  const compute = SCALARS[node.op]!;
  const operands = inputs.map(
    (input) => input && pick(input, offsets(shape, broadcastSteps(input.shape, shape))),
  );
  const operandType = inputs.at(-1)?.type ?? type;
  const result: Dim[] = [];
  for (let i = 0; i < count(shape); i++) {
    const value = compute(
      operands.map((operand) => operand?.[i] ?? 0),
      operandType,
      node,
    );
    if (value === null) return null;
    result.push(castScalar(value, type));
  }
  return result;
}

/** Folds the elements along the reduced axes with an operator of two operands. */
const reduce =
  (op: 'Mul' | 'Add' | 'Min' | 'Max'): Evaluate =>
  ({ node, type, scope }, x) => {
    const axes = new Set(reducedAxes(node, x.shape.length, scope));
    const kept = x.shape.map((size, axis) => (axes.has(axis) ? 1 : size));
    const result: (Dim | undefined)[] = Array.from({ length: count(kept) });
    let i = 0;
    for (const at of offsets(x.shape, broadcastSteps(kept, x.shape))) {
      const before = result[at];
      const value = before === undefined ? x.data[i]! : SCALARS[op]!([before, x.data[i]!], type, node);
      if (value === null) return null;
      result[at] = castScalar(value, type);
      i++;
    }
    return result.every((value) => value !== undefined) ? (result as Dim[]) : null;
  };

const EVALUATE: Readonly<Record<string, Evaluate>> = {
  ...Object.fromEntries(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'].map((op) => [op, sameData])),
  Transpose: transpose,
  Slice: slice,
  Gather: gather,
  Concat: concat,
  Expand: expand,
  Cast: cast,
  ReduceProd: reduce('Mul'),
  ReduceSum: reduce('Add'),
  ReduceMin: reduce('Min'),
  ReduceMax: reduce('Max'),
};

export function canEvaluate(op: string): boolean {
  return Object.hasOwn(EVALUATE, op) || Object.hasOwn(SCALARS, op);
}

/** null where the result depends on an open size in a way that has no name. */
export function evaluate(evaluation: Evaluation): Known | null {
  const { node, inputs, shape, type } = evaluation;
  const [x] = inputs;
  if (!x || count(shape) > MOST_KNOWN) return null;
  const data = Object.hasOwn(EVALUATE, node.op) ? EVALUATE[node.op]!(evaluation, x) : pointwise(evaluation);
  return data && { type, shape, data };
}

/** Range: ⌈(limit − start) / delta⌉ numbers. */
export function evaluateRange([start, limit, delta]: readonly (Known | undefined)[]): Known | null {
  const [from, to, step] = [start, limit, delta].map((value) => value?.data[0]);
  if (typeof from !== 'number' || typeof to !== 'number' || typeof step !== 'number' || step === 0)
    return null;
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= MOST_KNOWN)) return null;
  return { type: start!.type, shape: [length], data: Array.from({ length }, (_, i) => from + i * step) };
}

/** ScatterND without a reduction: x with some of its pieces replaced, as masks are filled in. Null where these are not in it. */
export function evaluateScatter([x, places, pieces]: readonly (Known | undefined)[]): Known | null {
  const depth = places?.shape.at(-1) ?? 0;
  if (!x || !places || !pieces || depth < 1 || depth > x.shape.length) return null;
  const steps = strides(x.shape);
  const length = count(x.shape.slice(depth));
  const data = [...x.data];
  if (pieces.data.length !== (places.data.length / depth) * length) return null;
  for (let piece = 0; piece * depth < places.data.length; piece++) {
    let at = 0;
    for (let axis = 0; axis < depth; axis++) {
      const size = x.shape[axis]!;
      const index = places.data[piece * depth + axis]!;
      if (typeof index !== 'number' || index < -size || index >= size) return null;
      at += (index < 0 ? index + size : index) * steps[axis]!;
    }
    for (let i = 0; i < length; i++) data[at + i] = pieces.data[piece * length + i]!;
  }
  return { type: x.type, shape: x.shape, data };
}

/** The value of a ConstantOfShape, 0 by default, as a constant of `shape`. */
export function filled(node: Node, shape: readonly number[]): Constant {
  const { value } = node.attributes;
  const given = typeof value === 'object' && 'tensor' in value ? value.tensor : null;
  if (!given) return { type: 'float32', shape, data: new Float32Array(count(shape)) };
  const data = given.data.slice(0, 0).constructor as new (length: number) => Constant['data'];
  const array = new data(count(shape));
  array.fill((given.data[0] ?? 0) as never);
  return { type: given.type, shape, data: array };
}
