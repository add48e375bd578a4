/** Operators of later opsets than 17, and rare ones of earlier, in simpler ones: by their definitions in the specification. */
import { MocoError } from '../../errors.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../attributes.ts';
import type { Node, Shape } from '../graph.ts';
import { fixed, normalAxes } from '../shape-rules/rule.ts';
import { type Rewriting, type Rewritings, reshapeTo } from './rewriting.ts';

/** x/2 · (1 + erf(x/√2)), or by a tanh: Hendrycks & Gimpel, arXiv:1606.08415. */
const gelu: Rewriting = (node, { g }) => {
  const [x = ''] = node.inputs;
  const half = g.op('Mul', [x, g.scalar(0.5)]);
  let inner: string;
  if (stringAttribute(node, 'approximate', 'none') === 'tanh') {
    const cube = g.op('Mul', [g.op('Mul', [g.op('Mul', [x, x]), x]), g.scalar(0.044715)]);
    inner = g.op('Tanh', [g.op('Mul', [g.op('Add', [x, cube]), g.scalar(Math.sqrt(2 / Math.PI))])]);
  } else inner = g.op('Erf', [g.op('Mul', [x, g.scalar(Math.SQRT1_2)])]);
  g.op('Mul', [half, g.op('Add', [inner, g.scalar(1)])], {}, node.outputs[0]);
};

/** x / (bias + α/size · Σ x²)^β over `size` neighboring channels: Krizhevsky et al. 2012, 3.3. The sum is a 1×1 convolution. */
const localResponseNorm: Rewriting = (node, scope) => {
  const { g } = scope;
  const [x = ''] = node.inputs;
  const shape = scope.shape(x);
  if (shape.length !== 4) throw unsupported(node, `[${shape}] is no image`);
  const channels = fixed(node, shape[1]);
  const size = intAttribute(node, 'size', 1);
  if (channels > 4096) throw unsupported(node, `${channels} channels`);
  const [before, behind] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const band = new Float32Array(channels * channels);
  for (let c = 0; c < channels; c++) {
    for (let i = Math.max(0, c - before); i <= Math.min(channels - 1, c + behind); i++)
      band[c * channels + i] = 1;
  }
  const weights = g.constant(g.fresh('band'), {
    type: 'float32',
    shape: [channels, channels, 1, 1],
    data: band,
  });
  const sum = g.op('Conv', [g.op('Mul', [x, x]), weights], { kernel_shape: [1, 1] });
  const scaled = g.op('Mul', [sum, g.scalar(floatAttribute(node, 'alpha', 1e-4) / size)]);
  const base = g.op('Add', [scaled, g.scalar(floatAttribute(node, 'bias', 1))]);
  g.op('Div', [x, g.op('Pow', [base, g.scalar(floatAttribute(node, 'beta', 0.75))])], {}, node.outputs[0]);
};

/** x / √(mean(x²) + ε) · scale over the axes from `axis` on. */
const rmsNorm: Rewriting = (node, scope) => {
  const { g } = scope;
  const [x = '', scale = ''] = node.inputs;
  const rank = scope.shape(x).length;
  const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', -1)], rank);
  const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
  const mean = g.op('ReduceMean', [g.op('Mul', [x, x])], { axes, keepdims: 1 });
  const root = g.op('Sqrt', [g.op('Add', [mean, g.scalar(floatAttribute(node, 'epsilon', 1e-5))])]);
  g.op('Mul', [g.op('Div', [x, root]), scale], {}, node.outputs[0]);
};

/** softmax(Q·Kᵀ · scale + mask) · V for each head: opset 23, without the caches and the caps of language models. */
const attention: Rewriting = (node, scope) => {
  const { g } = scope;
  const [q = '', k = '', v = '', mask = '', ...caches] = node.inputs;
  if (caches.some((name) => name !== '') || intAttribute(node, 'is_causal', 0) !== 0) {
    throw unsupported(node, 'attention with a cache, or causal');
  }
  if (floatAttribute(node, 'softcap', 0) !== 0) throw unsupported(node, 'softcap');
  const flat = scope.shape(q);
  const heads = (name: string, attribute: string): readonly [string, Shape] => {
    const shape = scope.shape(name);
    if (shape.length === 4) return [name, shape];
    const count = intAttribute(node, attribute, 0);
    const [batch = 1, tokens = 1, width] = shape;
    if (shape.length !== 3 || count < 1) throw unsupported(node, `[${shape}] in ${count} heads`);
    const each = fixed(node, width) / count;
    const split = reshapeTo(node, scope, name, [batch, tokens, count, each]);
    return [g.op('Transpose', [split], { perm: [0, 2, 1, 3] }), [batch, count, tokens, each]];
  };
  const [[query, shape], [key, other], [value, last]] = [
    heads(q, 'q_num_heads'),
    heads(k, 'kv_num_heads'),
    heads(v, 'kv_num_heads'),
  ];
  if (shape[1] !== other[1]) throw unsupported(node, `${shape[1]} heads of queries and ${other[1]} of keys`);
  const scale = floatAttribute(node, 'scale', 1 / Math.sqrt(fixed(node, shape[3])));
  const turned = g.op('Transpose', [key], { perm: [0, 1, 3, 2] });
  const scores = g.op('Mul', [g.op('MatMul', [query, turned]), g.scalar(scale)]);
  const masked = mask === '' ? scores : g.op('Add', [scores, mask]);
  const weights = g.op('Softmax', [masked], { axis: -1 });
  if (flat.length === 4) {
    g.op('MatMul', [weights, value], {}, node.outputs[0]);
    return;
  }
  const merged = g.op('Transpose', [g.op('MatMul', [weights, value])], { perm: [0, 2, 1, 3] });
  const width = fixed(node, last[1]) * fixed(node, last[3]);
  reshapeTo(node, scope, merged, [shape[0]!, shape[2]!, width], node.outputs[0]);
};

function unsupported(node: Node, what: string): MocoError {
  return new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what} is not supported`);
}

export const NEWER: Rewritings = {
  Gelu: gelu,
  LRN: localResponseNorm,
  RMSNormalization: rmsNorm,
  Attention: attention,
};
