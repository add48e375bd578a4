/** Reductions. Axes are an attribute up to opset 17 and an input from 18 on; ReduceSum takes an input since 13. */
import { intAttribute, intsAttribute } from '../attributes.ts';
import type { Node } from '../graph.ts';
import { constantInts, normalAxes, type ShapeRule, type ShapeRules, type ShapeScope } from './rule.ts';

const REDUCTIONS = ['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'];

/** The axes that a reduction goes over, counted from the front, in ascending order. */
export function reducedAxes(node: Node, rank: number, scope: ShapeScope): number[] {
  const axes = node.inputs[1] ? constantInts(node, 1, scope) : intsAttribute(node, 'axes', []);
  if (axes.length > 0) return normalAxes(node, axes, rank).sort((a, b) => a - b);
  return intAttribute(node, 'noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

const reduced: ShapeRule = (node, [x = []], scope) => {
  const axes = new Set(reducedAxes(node, x.length, scope));
  const keep = intAttribute(node, 'keepdims', 1) !== 0;
  return [x.flatMap((size, axis) => (axes.has(axis) ? (keep ? [1] : []) : [size]))];
};

const argument: ShapeRule = (node, [x = []]) => {
  const [axis] = normalAxes(node, [intAttribute(node, 'axis', 0)], x.length);
  const keep = intAttribute(node, 'keepdims', 1) !== 0;
  return [x.flatMap((size, i) => (i === axis ? (keep ? [1] : []) : [size]))];
};

export const reduction: ShapeRules = {
  ...Object.fromEntries(REDUCTIONS.map((name) => [`Reduce${name}`, reduced] as const)),
  ArgMax: argument,
  ArgMin: argument,
};
