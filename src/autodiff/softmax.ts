/** Softmax and its logarithm, along one axis. */
import { intAttribute } from '../onnx/attributes.ts';
import type { GraphBuilder, Node } from '../onnx/graph.ts';
import { normalAxes } from '../onnx/shape-rules/rule.ts';
import { type BackwardScope, type LoweringScope, type Rule, reduceSum } from './rule.ts';

function axisOf(node: Node, scope: LoweringScope): number {
  const rank = scope.shape(node.inputs[0]!).length;
  return normalAxes(node, [intAttribute(node, 'axis', -1)], rank)[0]!;
}

/** y = eˣ / Σ eˣ; dx = y·(dy − Σ dy·y). */
export const softmax: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const y = scope.value(node.outputs[0]!);
    const along = reduceSum(g, g.op('Mul', [dy, y]), [axisOf(node, scope)], true);
    return [g.op('Mul', [y, g.op('Sub', [dy, along])])];
  },
};

/** log Σ eˣ over the axes, which stay as axes of size 1, and the x that is less than or equal to 0 by it. */
export function logSumExp(g: GraphBuilder, x: string, axes: readonly number[]) {
  // The largest value is taken off, so that no power overflows; a finite one in place of −∞, as −∞ − −∞ is NaN.
  const largest = g.op('ReduceMax', [x], { axes, keepdims: 1 });
  const bounded = g.op('Clip', [largest, g.scalar(-LARGEST), g.scalar(LARGEST)]);
  const shifted = g.op('Sub', [x, bounded]);
  const log = g.op('Log', [reduceSum(g, g.op('Exp', [shifted]), axes, true)]);
  return { shifted, log, largest: bounded };
}

/** The largest float32. */
const LARGEST = 3.4028234e38;

/** y = x − log Σ eˣ; dx = dy − eʸ·Σ dy. The WebGPU provider leaves the operator to the CPU: it is written out for both. */
export const logSoftmax: Rule = {
  cheap: 'cheap',
  lower(node: Node, scope: LoweringScope) {
    const { shifted, log } = logSumExp(scope.g, node.inputs[0]!, [axisOf(node, scope)]);
    scope.g.op('Sub', [shifted, log], {}, node.outputs[0]);
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const probability = g.op('Exp', [scope.value(node.outputs[0]!)]);
    const total = reduceSum(g, dy, [axisOf(node, scope)], true);
    return [g.op('Sub', [dy, g.op('Mul', [probability, total])])];
  },
};
