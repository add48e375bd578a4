/** Operators written in simpler ones, so that fewer have to be differentiated: by their definitions in the specification. */
import { MocoError } from '../../errors.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../attributes.ts';
import type { Node, Shape } from '../graph.ts';
import { fixed, normalAxes } from '../shape-rules/rule.ts';
import { einsum } from './einsum.ts';
import { affineGrid, gridSample } from './grid-sample.ts';
import { NEWER } from './newer.ts';
import { resize } from './resize.ts';
import { type RewriteScope, type Rewriting, type Rewritings, reshapeTo } from './rewriting.ts';

/** x · max(0, min(1, x/6 + 1/2)) */
const hardSwish: Rewriting = ({ inputs: [x = ''], outputs }, { g }) => {
  const gate = g.op('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  g.op('Mul', [x, gate], {}, outputs[0]);
};

/** x · tanh(softplus(x)) */
const mish: Rewriting = ({ inputs: [x = ''], outputs }, { g }) => {
  g.op('Mul', [x, g.op('Tanh', [g.op('Softplus', [x])])], {}, outputs[0]);
};

/**
 * Normalization over groups of channels: an InstanceNormalization with each group as one channel, then scale and shift,
 * which opset 18 gives for each group, and 21 for each channel.
 */
const groupNorm: Rewriting = (node, scope) => {
  const { g } = scope;
  const [x = '', scale = '', bias = ''] = node.inputs;
  const shape = scope.shape(x);
  const groups = intAttribute(node, 'num_groups', 1);
  const channels = fixed(node, shape[1]);
  if (channels % groups !== 0) {
    throw new MocoError(
      'model-invalid',
      `node ${node.name} (${node.op}): ${groups} groups of ${channels} channels`,
    );
  }
  const epsilon = { float: floatAttribute(node, 'epsilon', 1e-5) };
  const grouped = reshapeTo(node, scope, x, [shape[0]!, groups, sizeOf(node, shape.slice(1)) / groups]);
  const normal = g.op('InstanceNormalization', [grouped, g.filled(groups, 1), g.filled(groups, 0)], {
    epsilon,
  });
  const perChannel = scope.opset >= 21;
  const along = perChannel ? [1, channels, ...shape.slice(2).map(() => 1)] : [1, groups, 1];
  const affine = (op: string, value: string, operand: string, output?: string) =>
    g.op(op, [value, reshapeTo(node, scope, operand, along)], {}, output);
  if (perChannel) {
    const back = reshapeTo(node, scope, normal, shape);
    affine('Add', affine('Mul', back, scale), bias, node.outputs[0]);
  } else reshapeTo(node, scope, affine('Add', affine('Mul', normal, scale), bias), shape, node.outputs[0]);
};

/** Blocks of channels become blocks of pixels (PixelShuffle is CRD). */
const depthToSpace: Rewriting = (node, scope) => {
  const [n, c, h, w] = imageShape(node, scope);
  const block = intAttribute(node, 'blocksize', 1);
  const channels = c / block ** 2;
  const columnRowDepth = stringAttribute(node, 'mode', 'DCR') === 'CRD';
  const parts = columnRowDepth ? [n, channels, block, block, h, w] : [n, block, block, channels, h, w];
  const perm = columnRowDepth ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const turned = scope.g.op('Transpose', [reshapeTo(node, scope, node.inputs[0]!, parts)], { perm });
  reshapeTo(node, scope, turned, [n, channels, h * block, w * block], node.outputs[0]);
};

/** Blocks of pixels become blocks of channels. */
const spaceToDepth: Rewriting = (node, scope) => {
  const [n, c, h, w] = imageShape(node, scope);
  const block = intAttribute(node, 'blocksize', 1);
  const parts = reshapeTo(node, scope, node.inputs[0]!, [n, c, h / block, block, w / block, block]);
  const turned = scope.g.op('Transpose', [parts], { perm: [0, 3, 5, 1, 2, 4] });
  reshapeTo(node, scope, turned, [n, c * block ** 2, h / block, w / block], node.outputs[0]);
};

/** Without the pieces that are empty: a roll by nothing has one. */
const concat: Rewriting = (node, { g, shape }) => {
  const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], shape(node.inputs[0]!).length);
  const filled = node.inputs.filter((name) => shape(name)[axis] !== 0);
  g.node(filled.length > 0 ? { ...node, inputs: filled } : node);
};

function imageShape(node: Node, scope: RewriteScope): readonly [Shape[0], number, number, number] {
  const [n = 1, c, h, w] = scope.shape(node.inputs[0] ?? '');
  return [n, fixed(node, c), fixed(node, h), fixed(node, w)];
}

function sizeOf(node: Node, shape: Shape): number {
  return shape.reduce<number>((size, next) => size * fixed(node, next), 1);
}

export const SIMPLER: Rewritings = {
  ...NEWER,
  Concat: concat,
  Resize: resize,
  Upsample: resize,
  HardSwish: hardSwish,
  Mish: mish,
  GroupNormalization: groupNorm,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Einsum: einsum,
  GridSample: gridSample,
  AffineGrid: affineGrid,
};
