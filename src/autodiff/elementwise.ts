/** Arithmetic element by element. What an operand was broadcast over, its gradient is summed over. */
import { intAttribute } from '../onnx/attributes.ts';
import type { Node, Shape } from '../onnx/graph.ts';
import { broadcast } from '../onnx/shape-rules/rule.ts';
import { DATA_TYPES } from '../onnx/types.ts';
import { unbroadcast } from './broadcast.ts';
import { complement, isZero, negative, signOf } from './mask.ts';
import { type BackwardScope, copyNode, type LoweringScope, type Rule } from './rule.ts';

/** The gradients of a node that broadcasts, each written only where it is wanted. */
function forEach(
  node: Node,
  scope: BackwardScope,
  gradientFor: (name: string, i: number) => string,
): (string | null)[] {
  return node.inputs.map((name, i) =>
    scope.wants(name) ? unbroadcast(node, gradientFor(name, i), name, scope) : null,
  );
}

/** Two operands, one of them given (a constant, a weight): a single pass over what is kept. Of two activations: more. */
const ofOperands: Rule['cheap'] = (node, isGiven) =>
  node.inputs.filter((name) => !isGiven(name)).length <= 1 ? 'one-pass' : 'cheap';

/** y = a + b: both take the gradient. */
export const add: Rule = {
  cheap: ofOperands,
  backward: (node: Node, dy: string, scope: BackwardScope) => forEach(node, scope, () => dy),
};

/** y = a − b: da = dy, db = −dy. */
export const sub: Rule = {
  cheap: ofOperands,
  backward: (node: Node, dy: string, scope: BackwardScope) =>
    forEach(node, scope, (_, i) => (i === 0 ? dy : scope.g.op('Neg', [dy]))),
};

/** y = a·b: da = dy·b, db = dy·a. */
export const mul: Rule = {
  cheap: ofOperands,
  backward: (node: Node, dy: string, scope: BackwardScope) =>
    forEach(node, scope, (_, i) => scope.g.op('Mul', [dy, scope.value(node.inputs[1 - i]!)])),
};

/** y = a/b: da = dy/b, db = −dy·y/b. */
export const div: Rule = {
  cheap: ofOperands,
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const share = g.op('Div', [dy, scope.value(node.inputs[1]!)]);
    return forEach(node, scope, (_, i) =>
      i === 0 ? share : g.op('Neg', [g.op('Mul', [share, scope.value(node.outputs[0]!)])]),
    );
  },
};

/** y = a + b + …: the WebGPU provider leaves Sum and Mean to the CPU, both are written as additions. */
export const sum: Rule = {
  cheap: 'cheap',
  lower: (node: Node, scope: LoweringScope) => addAll(node, scope, node.outputs[0]),
  backward: (node: Node, dy: string, scope: BackwardScope) => forEach(node, scope, () => dy),
};

/** y = (a + b + …)/n: each takes dy/n. */
export const mean: Rule = {
  cheap: 'cheap',
  lower(node: Node, scope: LoweringScope) {
    const { g } = scope;
    g.op('Mul', [addAll(node, scope), g.scalar(1 / node.inputs.length)], {}, node.outputs[0]);
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const share = scope.g.op('Mul', [dy, scope.g.scalar(1 / node.inputs.length)]);
    return forEach(node, scope, () => share);
  },
};

function addAll({ inputs }: Node, { g }: LoweringScope, output?: string): string {
  const [first = '', ...rest] = inputs;
  if (rest.length === 0) return g.op('Identity', [first], {}, output);
  return rest.reduce(
    (total, name, i) => g.op('Add', [total, name], {}, i === rest.length - 1 ? output : undefined),
    first,
  );
}

/**
 * y = the largest, or smallest, of the inputs: those that are it share the gradient equally, as PyTorch's maximum and
 * minimum do. It is found again from the very values that it is compared with (see clip).
 */
export const extremum: Rule = {
  cheap: ofOperands,
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const y = g.op(
      node.op,
      node.inputs.map((name) => scope.value(name)),
    );
    const equal = node.inputs.map((name) => isZero(g, g.op('Sub', [y, name])));
    const [first = '', ...rest] = equal;
    const share = g.op('Div', [dy, rest.reduce((total, mask) => g.op('Add', [total, mask]), first)]);
    return forEach(node, scope, (_, i) => g.op('Mul', [share, equal[i]!]));
  },
};

/**
 * y = aᵇ: da = dy·b·aᵇ⁻¹, 0 where b = 0 whatever a is; db = dy·y·log a, 0 where a = 0 and b ≥ 0. Both as in PyTorch.
 */
export const pow: Rule = {
  cheap: ofOperands,
  lower(node: Node, scope: LoweringScope) {
    copyNode(scope.g, { ...node, inputs: powOperands(node, scope) });
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    for (const name of node.inputs) scope.value(name);
    const [a = '', b = ''] = powOperands(node, scope);
    const dBase = () => {
      // An exponent of 0 is put to 1 − 1, not to −1: 0⁻¹ would be ∞, and 0·∞ NaN.
      const less = g.op('Sub', [b, complement(g, isZero(g, b))]);
      return g.op('Mul', [dy, g.op('Mul', [b, g.op('Pow', [a, less])])]);
    };
    const dExponent = () => {
      const flat = g.op('Mul', [isZero(g, a), complement(g, negative(g, b))]);
      const log = g.op('Log', [g.op('Add', [a, flat])]);
      return g.op('Mul', [dy, g.op('Mul', [scope.value(node.outputs[0]!), log])]);
    };
    return forEach(node, scope, (_, i) => (i === 0 ? dBase() : dExponent()));
  },
};

/**
 * The WebGPU provider writes no valid shader where it takes four elements at once and repeats one of an operand: where
 * only one of them has a last size of 1, and more elements than one. That operand is repeated before.
 */
function powOperands(node: Node, { g, lowering, shape }: LoweringScope): string[] {
  if (lowering.provider !== 'webgpu') return [...node.inputs];
  const [a = [], b = []] = node.inputs.map((name): Shape => shape(name));
  const last = broadcast(node, a, b).at(-1);
  return node.inputs.map((name) => {
    const own = shape(name);
    const repeats =
      own.some((size) => size !== 1) && own.at(-1) === 1 && typeof last === 'number' && last > 1;
    return repeats ? g.op('Expand', [name, g.ints([last])]) : name;
  });
}

/** dx = dy·y. */
export const exp: Rule = {
  cheap: 'one-pass',
  backward: (node: Node, dy: string, scope: BackwardScope) => [
    scope.g.op('Mul', [dy, scope.value(node.outputs[0]!)]),
  ],
};

/** dx = dy/x. */
export const log: Rule = {
  cheap: 'one-pass',
  backward: (node: Node, dy: string, scope: BackwardScope) => [
    scope.g.op('Div', [dy, scope.value(node.inputs[0]!)]),
  ],
};

/** dx = dy/2y. */
export const sqrt: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, { g, value }: BackwardScope) {
    const y = value(node.outputs[0]!);
    return [g.op('Div', [dy, g.op('Add', [y, y])])];
  },
};

/** y = 1/x; dx = −dy·y². */
export const reciprocal: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, { g, value }: BackwardScope) {
    const y = value(node.outputs[0]!);
    return [g.op('Neg', [g.op('Mul', [dy, g.op('Mul', [y, y])])])];
  },
};

/** dx = dy·sign(x), 0 at 0. */
export const abs: Rule = {
  cheap: 'one-pass',
  backward: (node: Node, dy: string, { g, value }: BackwardScope) => [
    g.op('Mul', [dy, signOf(g, value(node.inputs[0]!))]),
  ],
};

export const neg: Rule = {
  cheap: 'one-pass',
  backward: (_node, dy, { g }) => [g.op('Neg', [dy])],
};

export const identity: Rule = { cheap: 'one-pass', backward: (_node, dy) => [dy] };

/** Floor, Ceil: constant almost everywhere, so the gradient is 0. */
export const staircase: Rule = {
  cheap: 'one-pass',
  backward: (_node, dy, { g }) => [g.op('Mul', [dy, g.scalar(0)])],
};

/** The WebGPU provider leaves Sign to the CPU: it is a step that is 0 at 0. */
export const sign: Rule = {
  ...staircase,
  lower(node: Node, { g }: LoweringScope) {
    signOf(g, node.inputs[0]!, node.outputs[0]);
  },
};

/**
 * To the nearest whole number, halves to the even one. The WebGPU provider leaves it to the CPU: ⌊x⌋, and one more where
 * the rest is above ½, or is ½ and ⌊x⌋ odd. The rest is exact where it is near ½, and 2⁻²⁶ less than ½ is none.
 */
export const round: Rule = {
  ...staircase,
  lower(node: Node, { g }: LoweringScope) {
    const x = node.inputs[0]!;
    const whole = g.op('Floor', [x]);
    const half = g.op('Floor', [g.op('Mul', [whole, g.scalar(0.5)])]);
    const odd = g.op('Sub', [whole, g.op('Add', [half, half])]);
    const rest = g.op('Sub', [g.op('Sub', [x, whole]), g.scalar(0.5)]);
    const above = g.op('Add', [rest, g.op('Mul', [odd, g.scalar(2 ** -26)])]);
    const up = g.op('HardSigmoid', [above], { alpha: { float: 1e30 }, beta: { float: 0 } });
    g.op('Add', [whole, up], {}, node.outputs[0]);
  },
};

const FLOATS: readonly string[] = ['float32', 'float64'];

/** From one kind of float to another: dx = dy in x's. Whole numbers and booleans hold no gradient. */
export const cast: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, { g, type }: BackwardScope) {
    const from = type(node.inputs[0]!);
    const to = intAttribute(node, 'to', DATA_TYPES.float32);
    if (!FLOATS.includes(from) || !FLOATS.some((name) => DATA_TYPES[name as 'float32'] === to)) return [null];
    return [g.op('Cast', [dy], { to: DATA_TYPES[from] })];
  },
};
