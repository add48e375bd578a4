/** Activations. Where the output's sign is the input's, the mask is taken from the output, which the next layer reads too. */
import { floatAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { unbroadcast } from './broadcast.ts';
import { complement, isZero, negative, positive } from './mask.ts';
import { type BackwardScope, copyNode, type LoweringScope, type Rule } from './rule.ts';

/**
 * y = max(x, 0); dx = dy where y > 0. The gradient at 0 is 0, as in PyTorch. onnxruntime-web's CPU code takes a Relu value by value, which
 * costs 2 ms for half a million of them, and a Max 0.1 ms.
 */
export const relu: Rule = {
  cheap: 'one-pass',
  forward: writeRelu,
  recompute(node: Node, scope: BackwardScope): void {
    scope.value(node.inputs[0]!);
    writeRelu(node, scope);
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    return [g.op('Mul', [dy, positive(g, scope.value(node.outputs[0]!))])];
  },
};

function writeRelu(node: Node, { g, lowering }: LoweringScope): void {
  if (lowering.provider === 'wasm') g.op('Max', [node.inputs[0]!, g.scalar(0)], {}, node.outputs[0]!);
  else copyNode(g, node);
}

/** y = x where x > 0, α·x elsewhere; dx = dy·(1 or α), α at 0. */
export const leakyRelu: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const alpha = floatAttribute(node, 'alpha', 0.01);
    const signed = alpha > 0 ? node.outputs[0]! : node.inputs[0]!;
    const above = g.op('Mul', [positive(g, scope.value(signed)), g.scalar(1 - alpha)]);
    return [g.op('Mul', [dy, g.op('Add', [above, g.scalar(alpha)])])];
  },
};

/** y = max(x, 0) + a·min(x, 0): dx = dy·(1 where x > 0, a elsewhere), da = Σ dy·min(x, 0). */
export const prelu: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [xName = '', slopeName = ''] = node.inputs;
    const x = scope.value(xName);
    const dx = () => {
      const above = positive(g, x);
      const factor = g.op('Add', [above, g.op('Mul', [complement(g, above), scope.value(slopeName)])]);
      return g.op('Mul', [dy, factor]);
    };
    const dSlope = () => {
      const product = g.op('Mul', [dy, g.op('Min', [x, g.scalar(0)])]);
      return unbroadcast(node, product, slopeName, scope);
    };
    return [scope.wants(xName) ? dx() : null, scope.wants(slopeName) ? dSlope() : null];
  },
};

/** y = 1/(1 + e⁻ˣ); dx = dy·y·(1 − y). */
export const sigmoid: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const y = scope.value(node.outputs[0]!);
    return [g.op('Mul', [dy, g.op('Mul', [y, complement(g, y)])])];
  },
};

/** y = α·x + β between 0 and 1; dx = α·dy where 0 < y < 1, that is y·(1 − y) > 0. */
export const hardSigmoid: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const y = scope.value(node.outputs[0]!);
    const inside = positive(g, g.op('Mul', [y, complement(g, y)]));
    const slope = g.op('Mul', [inside, g.scalar(floatAttribute(node, 'alpha', 0.2))]);
    return [g.op('Mul', [dy, slope])];
  },
};

/** y = x·h with h = x/6 + 1/2 between 0 and 1; dx = dy·(h + x/6 where 0 < h < 1). */
export const hardSwish: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const x = scope.value(node.inputs[0]!);
    const h = g.op('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
    const inside = positive(g, g.op('Mul', [h, complement(g, h)]));
    // Between −3 and 3 alone: an infinite x times 0 would be NaN.
    const bounded = g.op('Clip', [x, g.scalar(-3), g.scalar(3)]);
    const slope = g.op('Mul', [g.op('Mul', [bounded, inside]), g.scalar(1 / 6)]);
    return [g.op('Mul', [dy, g.op('Add', [h, slope])])];
  },
};

/** dx = dy·(1 − y²). */
export const tanh: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const y = scope.value(node.outputs[0]!);
    return [g.op('Mul', [dy, complement(g, g.op('Mul', [y, y]))])];
  },
};

/** y = log(1 + eˣ); dx = dy·sigmoid(x). From the output it would be 1 − e⁻ʸ, which cancels where y is small. */
export const softplus: Rule = {
  cheap: 'one-pass',
  backward: (node: Node, dy: string, scope: BackwardScope) => [
    scope.g.op('Mul', [dy, scope.g.op('Sigmoid', [scope.value(node.inputs[0]!)])]),
  ],
};

/** dx = dy·top where x > 0, dy·(rise·y + bottom) elsewhere: what Elu, Selu and Celu have in common. */
function bent(node: Node, dy: string, scope: BackwardScope, top: number, rise: number, bottom: number) {
  const { g } = scope;
  const above = positive(g, scope.value(node.inputs[0]!));
  const y = scope.value(node.outputs[0]!);
  const slope = g.op('Add', [g.op('Mul', [y, g.scalar(rise)]), g.scalar(bottom)]);
  const below = g.op('Mul', [complement(g, above), slope]);
  return [g.op('Mul', [dy, g.op('Add', [g.op('Mul', [above, g.scalar(top)]), below])])];
}

/** y = x where x > 0, α·(eˣ − 1) elsewhere; dx = dy·(1 or y + α). */
export const elu: Rule = {
  cheap: 'one-pass',
  backward: (node, dy, scope) => bent(node, dy, scope, 1, 1, floatAttribute(node, 'alpha', 1)),
};

/** y = γ·Elu(x, α), written so because the WebGPU provider leaves Selu to the CPU; dx = dy·(γ or y + γα). */
export const selu: Rule = {
  cheap: 'one-pass',
  lower(node: Node, { g }: LoweringScope) {
    const { alpha, gamma } = seluOf(node);
    const bend = g.op('Elu', [node.inputs[0]!], { alpha: { float: alpha } });
    g.op('Mul', [bend, g.scalar(gamma)], {}, node.outputs[0]);
  },
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { alpha, gamma } = seluOf(node);
    return bent(node, dy, scope, gamma, 1, gamma * alpha);
  },
};

/** Klambauer et al., "Self-Normalizing Neural Networks", arXiv:1706.02515: the specification's defaults. */
const seluOf = (node: Node) => ({
  alpha: floatAttribute(node, 'alpha', 1.6732631921768188),
  gamma: floatAttribute(node, 'gamma', 1.0507010221481323),
});

/** y = α·Elu(x/α), written so because the WebGPU provider leaves Celu to the CPU; dx = dy·(1 or y/α + 1). */
export const celu: Rule = {
  cheap: 'one-pass',
  lower(node: Node, { g }: LoweringScope) {
    const alpha = g.scalar(floatAttribute(node, 'alpha', 1));
    g.op('Mul', [g.op('Elu', [g.op('Div', [node.inputs[0]!, alpha])]), alpha], {}, node.outputs[0]);
  },
  backward: (node, dy, scope) => bent(node, dy, scope, 1, 1 / floatAttribute(node, 'alpha', 1), 1),
};

/** y = 2/√π·∫ e^(−t²) from 0 to x; dx = dy·2/√π·e^(−x²). The exact GELU is written with it. */
export const erf: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const x = scope.value(node.inputs[0]!);
    const bell = g.op('Exp', [g.op('Neg', [g.op('Mul', [x, x])])]);
    return [g.op('Mul', [dy, g.op('Mul', [bell, g.scalar(2 / Math.sqrt(Math.PI))])])];
  },
};

/**
 * y = x between the bounds; dx = dy where min ≤ x ≤ max, as in PyTorch, and a bound takes the gradient of what it cuts
 * off. Clipped again, from the very values that it is compared with: x may be computed anew here, by other shaders than
 * in the forward pass, and a difference of one rounding would count as cut off.
 */
export const clip: Rule = {
  cheap: 'one-pass',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const present = node.inputs.map((name) => (name === '' ? '' : scope.value(name)));
    const x = present[0]!;
    const cut = g.op('Sub', [x, g.op('Clip', present)]);
    return node.inputs.map((name, i) => {
      if (name === '' || !scope.wants(name)) return null;
      const mask = [isZero, negative, positive][i]!;
      return unbroadcast(node, g.op('Mul', [dy, mask(g, cut)]), name, scope);
    });
  },
};
