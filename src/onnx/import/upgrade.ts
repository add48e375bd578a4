/** Nodes of opsets 7 to 23 in the form of opset 17, by the changes that the ONNX specification lists for each operator. */
import { MocoError } from '../../errors.ts';
import { floatAttribute, intAttribute, intsAttribute } from '../attributes.ts';
import type { Attribute, Attributes, Node, Shape } from '../graph.ts';
import { fixed, normalAxes } from '../shape-rules/rule.ts';
import { computedBatchNorm } from './computed-batch-norm.ts';
import { knownInts, type RewriteScope, type Rewriting, type Rewritings, reshapeTo } from './rewriting.ts';

function without(attributes: Attributes, ...names: string[]): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));
}

/** Axes are an attribute before opset 13 and an input since. */
const axesToInput: Rewriting = (node, { g, opset }) => {
  const { axes } = node.attributes;
  if (opset >= 13 || axes === undefined) return g.node(node);
  const inputs = [node.inputs[0]!, g.ints(intsAttribute(node, 'axes', []))];
  g.node({ ...node, inputs, attributes: without(node.attributes, 'axes') });
};

/** Axes are an input since opset 18 and an attribute before. */
const axesToAttribute: Rewriting = (node, scope) => {
  if (scope.opset < 18) return scope.g.node(node);
  const axes = node.inputs[1] ? knownInts(node, 1, scope) : [];
  const [x = ''] = node.inputs;
  if (axes.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) !== 0) {
    scope.g.op('Identity', [x], {}, node.outputs[0]);
    return;
  }
  const attributes = without(node.attributes, 'noop_with_empty_axes');
  scope.g.node({ ...node, inputs: [x], attributes: axes.length > 0 ? { ...attributes, axes } : attributes });
};

/** Before opset 13, the input counts as a matrix whose columns are all axes from `axis` on (1 by default). */
const softmax: Rewriting = (node, scope) => {
  if (scope.opset >= 13) return scope.g.node(node);
  const [x = ''] = node.inputs;
  const shape = scope.shape(x);
  const given = intAttribute(node, 'axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  if (axis >= shape.length - 1) return scope.g.node({ ...node, attributes: { axis: -1 } });
  const columns = shape.slice(axis).reduce<number>((size, next) => size * fixed(node, next), 1);
  const rows = reshapeTo(node, scope, x, [...shape.slice(0, axis), columns]);
  reshapeTo(node, scope, scope.g.op(node.op, [rows], { axis: -1 }), shape, node.outputs[0]);
};

/** Sizes are an attribute before opset 13; num_outputs, of opset 18, has a smaller last part. They become an input. */
const split: Rewriting = (node, scope) => {
  const { g } = scope;
  const [x = ''] = node.inputs;
  if (node.inputs[1]) return g.node({ ...node, attributes: without(node.attributes, 'num_outputs') });
  const axis = intAttribute(node, 'axis', 0);
  const given = intsAttribute(node, 'split', []);
  const sizes = given.length > 0 ? given : equalParts(node, scope.shape(x), axis);
  g.node({ ...node, inputs: [x, g.ints(sizes)], attributes: { axis } });
};

function equalParts(node: Node, x: Shape, given: number): number[] {
  const [axis = 0] = normalAxes(node, [given], x.length);
  const parts = node.outputs.length;
  const size = fixed(node, x[axis]);
  const each = Math.ceil(size / parts);
  const last = size - each * (parts - 1);
  const uneven = last !== each && node.attributes.num_outputs === undefined;
  if (last < 0 || uneven) throw invalid(node, `${parts} equal parts do not make ${size}`);
  return node.outputs.map((_, i) => (i < parts - 1 ? each : last));
}

/** Attributes before opset 11, and inputs since. */
const clip: Rewriting = (node, { g, opset }) => {
  if (opset >= 11) return g.node(node);
  const bounds = ['min', 'max'].map((name) => {
    const value = node.attributes[name];
    return value === undefined ? '' : g.scalar(floatAttribute(node, name, 0));
  });
  g.node({ ...node, inputs: [node.inputs[0] ?? '', ...bounds], attributes: {} });
};

/** Attributes before opset 10, and inputs since. */
const slice: Rewriting = (node, { g, opset }) => {
  if (opset >= 10) return g.node(node);
  const starts = intsAttribute(node, 'starts', []);
  const lists = [starts, intsAttribute(node, 'ends', []), intsAttribute(node, 'axes', [...starts.keys()])];
  g.node({ ...node, inputs: [node.inputs[0] ?? '', ...lists.map((list) => g.ints(list))], attributes: {} });
};

/** Axes, of opset 18, are filled up to all of them; before opset 11 all are attributes. */
const pad: Rewriting = (node, scope) => {
  if (scope.opset < 11) {
    const pads = scope.g.ints(intsAttribute(node, 'pads', []));
    const fill = scope.g.scalar(floatAttribute(node, 'value', 0));
    const attributes = without(node.attributes, 'pads', 'value');
    return scope.g.node({ ...node, inputs: [node.inputs[0] ?? '', pads, fill], attributes });
  }
  const [x = '', , value = '', axes] = node.inputs;
  if (!axes) return scope.g.node(node);
  const rank = scope.shape(x).length;
  const given = normalAxes(node, knownInts(node, 3, scope), rank);
  const pads = knownInts(node, 1, scope);
  const all = Array.from({ length: 2 * rank }, () => 0);
  given.forEach((axis, i) => {
    all[axis] = pads[i] ?? 0;
    all[axis + rank] = pads[i + given.length] ?? 0;
  });
  scope.g.node({ ...node, inputs: [x, scope.g.ints(all), ...(value ? [value] : [])] });
};

/**
 * The training form has outputs for the batch's statistics: training takes them itself (autodiff/batch-norm.ts).
 * weights.ts has left `training_mode` to a frozen layer alone.
 */
const batchNorm: Rewriting = (node, scope) => {
  requireUnread(node, scope, 'statistics');
  if (intAttribute(node, 'spatial', 1) === 0)
    throw invalid(node, 'statistics of each pixel (spatial 0) are not supported');
  if (!scope.isHeld(node.inputs[3] ?? '') || !scope.isHeld(node.inputs[4] ?? '')) {
    computedBatchNorm(node, scope);
    return;
  }
  const { epsilon, momentum, training_mode } = node.attributes;
  const attributes = { epsilon, momentum, training_mode };
  const given = Object.entries(attributes).filter(
    (entry): entry is [string, Attribute] => entry[1] !== undefined,
  );
  scope.g.node({ ...node, outputs: node.outputs.slice(0, 1), attributes: Object.fromEntries(given) });
};

const dropout: Rewriting = (node, scope) => {
  requireUnread(node, scope, 'mask');
  scope.g.op('Identity', node.inputs.slice(0, 1), {}, node.outputs[0]);
};

/** Optional outputs that nobody reads. */
const firstOutput: Rewriting = (node, scope) => {
  const more = node.outputs.slice(1).some((output) => scope.isRead(output));
  scope.g.node(more ? node : { ...node, outputs: node.outputs.slice(0, 1) });
};

function requireUnread(node: Node, scope: RewriteScope, what: string): void {
  const read = node.outputs.slice(1).find((output) => output !== '' && scope.isRead(output));
  if (read === undefined) return;
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (${node.op}): its ${what} ${read} is computed with`,
  );
}

function invalid(node: Node, what: string): MocoError {
  return new MocoError('model-invalid', `node ${node.name} (${node.op}): ${what}`);
}

const REDUCTIONS = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'];

export const UPGRADES: Rewritings = {
  ...Object.fromEntries(['Squeeze', 'Unsqueeze', 'ReduceSum'].map((op) => [op, axesToInput])),
  ...Object.fromEntries(REDUCTIONS.map((name) => [`Reduce${name}`, axesToAttribute])),
  Softmax: softmax,
  LogSoftmax: softmax,
  Split: split,
  Pad: pad,
  Clip: clip,
  Slice: slice,
  BatchNormalization: batchNorm,
  Dropout: dropout,
  LayerNormalization: firstOutput,
  MaxPool: firstOutput,
};
