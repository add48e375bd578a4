/**
 * Reductions over some axes. The gradient comes in the reduced shape, gets the reduced axes back with size 1, and is
 * broadcast from there.
 */
import { intAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { reducedAxes } from '../onnx/shape-rules/reduction.ts';
import { isZero, ones, signOf } from './mask.ts';
import { type BackwardScope, type LoweringScope, type Rule, reduceSum } from './rule.ts';
import { logSumExp } from './softmax.ts';

interface Reduction {
  readonly axes: readonly number[];
  /** Whether the reduced axes stay as axes of size 1. */
  readonly kept: boolean;
  /** A value of the output's shape, with the reduced axes as axes of size 1. */
  keep(name: string): string;
}

function reductionOf(node: Node, scope: LoweringScope): Reduction {
  const { g } = scope;
  const axes = reducedAxes(node, scope.shape(node.inputs[0]!).length, scope);
  const kept = intAttribute(node, 'keepdims', 1) !== 0 || axes.length === 0;
  return { axes, kept, keep: (name) => (kept ? name : g.op('Unsqueeze', [name, g.ints(axes)])) };
}

/** y = Σ x: every element takes dy. */
export const reduceSumRule: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { axes, keep } = reductionOf(node, scope);
    return [spread(node, keep(dy), axes, scope), null];
  },
};

/** y = Σ x/n: every element takes dy/n. */
export const reduceMean: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const { axes, keep } = reductionOf(node, scope);
    const sizes = axes.map((axis) => scope.shape(node.inputs[0]!)[axis]!);
    if (sizes.every((size) => typeof size === 'number')) {
      const count = sizes.reduce((product, size) => product * size, 1);
      return [spread(node, g.op('Mul', [keep(dy), g.scalar(1 / count)]), axes, scope)];
    }
    const count = reduceSum(g, ones(g, scope.value(node.inputs[0]!)), axes, true);
    return [spread(node, g.op('Div', [keep(dy), count]), axes, scope)];
  },
};

/** Repeats a value along the reduced axes. Where one of these is the batch, only x itself knows how often. */
function spread(node: Node, dy: string, axes: readonly number[], scope: BackwardScope): string {
  const { g } = scope;
  const shape = scope.shape(node.inputs[0]!);
  if (axes.some((axis) => typeof shape[axis] !== 'number')) {
    return g.op('Mul', [dy, ones(g, scope.value(node.inputs[0]!))]);
  }
  return g.op('Expand', [dy, g.ints(shape.map((size, axis) => (axes.includes(axis) ? Number(size) : 1)))]);
}

/**
 * y = the largest, or smallest, x: those that are it share dy equally, as with PyTorch's amax. It is found again from the
 * very values that it is compared with (see clip).
 */
export const reduceExtremum: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const { axes, keep } = reductionOf(node, scope);
    const x = scope.value(node.inputs[0]!);
    const equal = isZero(g, g.op('Sub', [x, g.op(node.op, [x], { axes, keepdims: 1 })]));
    return [g.op('Mul', [equal, g.op('Div', [keep(dy), reduceSum(g, equal, axes, true)])])];
  },
};

/** y = Σ|x|: dx = dy·sign(x), 0 at 0. */
export const reduceL1: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    return [g.op('Mul', [reductionOf(node, scope).keep(dy), signOf(g, scope.value(node.inputs[0]!))])];
  },
};

/** y = √Σx²: dx = x·dy/y, and 0 where all x are, as in PyTorch. */
export const reduceL2: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const { keep } = reductionOf(node, scope);
    const y = scope.value(node.outputs[0]!);
    const share = g.op('Div', [dy, g.op('Add', [y, isZero(g, y)])]);
    return [g.op('Mul', [scope.value(node.inputs[0]!), keep(share)])];
  },
};

/** y = Σx²: dx = 2x·dy. */
export const reduceSumSquare: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const twice = reductionOf(node, scope).keep(g.op('Add', [dy, dy]));
    return [g.op('Mul', [scope.value(node.inputs[0]!), twice])];
  },
};

/**
 * y = log Σ eˣ: dx = dy·eˣ/Σ eˣ. The WebGPU provider's own overflows from x = 89 on: it is written out, the largest x taken
 * off first.
 */
export const reduceLogSumExp: Rule = {
  cheap: 'cheap',
  lower(node: Node, scope: LoweringScope) {
    const { g } = scope;
    const { axes, kept } = reductionOf(node, scope);
    const { log, largest } = logSumExp(g, node.inputs[0]!, axes);
    const y = g.op('Add', [log, largest], {}, kept ? node.outputs[0] : undefined);
    if (!kept) g.op('Squeeze', [y, g.ints(axes)], {}, node.outputs[0]);
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const { axes, keep } = reductionOf(node, scope);
    // Not from y, whose rounding error grows with x, and would be the exponent's.
    const { shifted, log } = logSumExp(g, scope.value(node.inputs[0]!), axes);
    const probability = g.op('Exp', [g.op('Sub', [shifted, log])]);
    return [g.op('Mul', [probability, keep(dy)])];
  },
};
