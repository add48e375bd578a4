/** Operators that move, join, cut or repeat elements. */
import { intAttribute, intsAttribute } from '../attributes.ts';
import { product, quotient } from '../dims.ts';
import type { Dim, Node, Shape } from '../graph.ts';
import { broadcast, constantInts, fixed, misfit, normalAxes, type ShapeRules } from './rule.ts';

export const layout: ShapeRules = {
  Flatten: (node, [x = []]) => {
    const axis = intAttribute(node, 'axis', 1);
    const at = axis < 0 ? axis + x.length : axis;
    if (at < 0 || at > x.length) throw misfit(node, `axis ${axis} does not fit ${x.length} dimensions`);
    return [[product(x.slice(0, at)), product(x.slice(at))]];
  },
  Reshape: (node, [x = []], scope) => [reshaped(node, x, constantInts(node, 1, scope))],
  Transpose: (node, [x = []]) => {
    const order = intsAttribute(node, 'perm', Array.from(x.keys()).reverse());
    if (order.length !== x.length) throw misfit(node, `perm [${order}] does not fit [${x}]`);
    return [normalAxes(node, order, x.length).map((axis) => x[axis]!)];
  },
  Squeeze: (node, [x = []], scope) => {
    const axes = node.inputs[1] ? normalAxes(node, constantInts(node, 1, scope), x.length) : null;
    const gone = (axis: number) => (axes ? axes.includes(axis) : x[axis] === 1);
    if (axes?.some((axis) => x[axis] !== 1)) throw misfit(node, `axes [${axes}] of [${x}] are not all 1`);
    return [x.filter((_, axis) => !gone(axis))];
  },
  Unsqueeze: (node, [x = []], scope) => {
    const axes = constantInts(node, 1, scope);
    const rank = x.length + axes.length;
    const added = new Set(normalAxes(node, axes, rank));
    const rest = [...x];
    return [Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!))];
  },
  Expand: (node, [x = []], scope) => [broadcast(node, x, constantInts(node, 1, scope))],
  Tile: (node, [x = []], scope) => {
    const repeats = constantInts(node, 1, scope);
    if (repeats.length !== x.length || repeats.some((n) => n < 0)) {
      throw misfit(node, `repeats [${repeats}] do not fit [${x}]`);
    }
    return [x.map((size, axis) => product([size, repeats[axis]!]))];
  },
  Concat: (node, inputs) => {
    const [first = []] = inputs;
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], first.length);
    for (const shape of inputs) {
      const fits = shape.length === first.length && shape.every((size, i) => i === axis || size === first[i]);
      if (!fits) throw misfit(node, `[${first}] and [${shape}] do not join along axis ${axis}`);
    }
    if (inputs.length === 1) return [first];
    const total = inputs.reduce((sum, shape) => sum + fixed(node, shape[axis]), 0);
    return [first.with(axis, total)];
  },
  Split: (node, [x = []], scope) => {
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], x.length);
    return splitSizes(node, fixed(node, x[axis]), scope.ints(node.inputs[1])).map((size) =>
      x.with(axis, size),
    );
  },
  Slice: (node, [x = []], scope) => {
    const shape: Dim[] = [...x];
    for (const { axis, start, end, step } of sliceBounds(node, x, (input) =>
      constantInts(node, input, scope),
    )) {
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    }
    return [shape];
  },
  Pad: (node, [x = []], scope) => {
    const pads = constantInts(node, 1, scope);
    const axes = node.inputs[3] ? normalAxes(node, constantInts(node, 3, scope), x.length) : [...x.keys()];
    if (pads.length !== 2 * axes.length) throw misfit(node, `pads [${pads}] do not fit [${x}]`);
    const shape: Dim[] = [...x];
    axes.forEach((axis, i) => {
      const [begin, end] = [pads[i]!, pads[i + axes.length]!];
      if (begin === 0 && end === 0) return;
      const size = fixed(node, x[axis]) + begin + end;
      if (size < 0) throw misfit(node, `pads [${pads}] take more than [${x}] has`);
      shape[axis] = size;
    });
    return [shape];
  },
  Gather: (node, [x = [], indices = []]) => {
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], x.length);
    return [[...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]];
  },
};

/** 0 keeps a size, one −1 takes what is left. */
function reshaped(node: Node, x: Shape, target: readonly number[]): Shape {
  const no = () => misfit(node, `[${x}] does not reshape to [${target}]`);
  const keepZero = intAttribute(node, 'allowzero', 0) === 0;
  const shape = target.map((size, axis) => {
    if (size !== 0 || !keepZero) return size;
    if (axis >= x.length) throw no();
    return x[axis]!;
  });
  const open = shape.indexOf(-1);
  const given = shape.filter((_, axis) => axis !== open);
  if (given.some((size) => typeof size === 'number' && size < 0)) throw no();
  const [all, known] = [product(x), product(given)];
  if (open < 0) {
    if (all !== known) throw no();
    return shape;
  }
  const rest = quotient(all, known);
  if (rest === null) throw no();
  return shape.with(open, rest);
}

/** Sizes of the parts: as given, or equal ones. */
export function splitSizes(
  node: Node,
  size: number,
  given: readonly number[] | undefined,
): readonly number[] {
  const parts = node.outputs.length;
  const sizes = given ?? node.outputs.map(() => Math.floor(size / parts));
  if (sizes.length !== parts || sizes.some((part) => part < 0) || sizes.reduce((a, b) => a + b, 0) !== size) {
    throw misfit(node, `parts of [${sizes}] do not make ${size}`);
  }
  return sizes;
}

export interface SliceBound {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** The bounds of a Slice, counted from the front and clamped as the specification says; size = ⌈(end − start)/step⌉. */
export function sliceBounds(
  node: Node,
  x: Shape,
  ints: (input: number) => readonly number[],
): readonly SliceBound[] {
  const [starts, ends] = [ints(1), ints(2)];
  const axes = node.inputs[3] ? normalAxes(node, ints(3), x.length) : starts.map((_, i) => i);
  const steps = node.inputs[4] ? ints(4) : starts.map(() => 1);
  const fits = [ends, axes, steps].every(({ length }) => length === starts.length);
  if (!fits || steps.includes(0) || axes.some((axis) => axis >= x.length)) {
    throw misfit(
      node,
      `starts [${starts}], ends [${ends}], axes [${axes}] and steps [${steps}] do not cut [${x}]`,
    );
  }
  return axes.flatMap((axis, i) => {
    const [start = 0, end = 0, step = 1] = [starts[i], ends[i], steps[i]];
    // A slice that takes everything leaves an open size open.
    if (start === 0 && step === 1 && end >= 2 ** 31 - 1 && typeof x[axis] === 'string') return [];
    const size = fixed(node, x[axis]);
    const clamp = (value: number, low: number, high: number) =>
      Math.max(low, Math.min(high, value < 0 ? value + size : value));
    return step > 0
      ? [{ axis, start: clamp(start, 0, size), end: clamp(end, 0, size), step }]
      : [{ axis, start: clamp(start, 0, size - 1), end: clamp(end, -1, size - 1), step }];
  });
}
