/** Operators that read or make sizes, which may hold the open batch. */
import { MocoError } from '../../errors.ts';
import { intAttribute, stringAttribute } from '../attributes.ts';
import { knownFactor, product, quotient } from '../dims.ts';
import type { Dim, GraphBuilder, Node, Shape } from '../graph.ts';
import { broadcast } from '../shape-rules/rule.ts';
import { evaluateRange, evaluateScatter, filled } from './evaluate.ts';
import { fromConstant, isFixed, MOST_KNOWN } from './known.ts';
import { type OpenExpand, reshapeTarget } from './open-batch.ts';
import type { Values } from './values.ts';

/** What the rules of sizes see of the pass over the nodes (simplify.ts). */
export interface SimplifyScope {
  readonly values: Values;
  /** Makes names and constants. */
  readonly g: GraphBuilder;
  /** Simplifies a node that stands for a part of another. */
  step(node: Node): void;
  /** Writes an Expand whose shape depends on the batch. */
  expand(expand: OpenExpand): void;
}

/** Whether the node is done with; otherwise it is like any other. */
type SizeRule = (node: Node, scope: SimplifyScope) => boolean;

const shape: SizeRule = (node, { values }) => {
  const all = values.shapeOf(node, node.inputs[0] ?? '');
  const data = all.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', all.length));
  values.know(node.outputs[0]!, { type: 'int64', shape: [data.length], data });
  return true;
};

const size: SizeRule = (node, { values }) => {
  const data = [product(values.shapeOf(node, node.inputs[0] ?? ''))];
  values.know(node.outputs[0]!, { type: 'int64', shape: [], data });
  return true;
};

const range: SizeRule = (node, { values }) => {
  const result = evaluateRange(node.inputs.map((name) => values.known(name)));
  if (result) values.know(node.outputs[0]!, result);
  return result !== null;
};

/** Of what is known. */
const scatter: SizeRule = (node, { values }) => {
  const plain = stringAttribute(node, 'reduction', 'none') === 'none';
  const result = plain ? evaluateScatter(node.inputs.map((name) => values.known(name))) : null;
  if (result) values.know(node.outputs[0]!, result);
  return result !== null;
};

/** A constant, or one value that is expanded. */
const constantOfShape: SizeRule = (node, scope) => {
  const { values, g } = scope;
  const target = values.known(node.inputs[0] ?? '')?.data;
  if (!target) return false;
  values.requirePossible(node, [target]);
  if (isFixed(target) && target.every((n) => n >= 0) && Number(product(target)) <= MOST_KNOWN) {
    values.know(node.outputs[0]!, fromConstant(filled(node, target)));
    return true;
  }
  const one = filled(
    node,
    target.map(() => 1),
  );
  const name = g.constant(g.fresh('value'), one);
  scope.step({ ...node, op: 'Expand', inputs: [name, node.inputs[0]!], attributes: {} });
  return true;
};

const reshape: SizeRule = (node, scope) => {
  const { values, g } = scope;
  const [x = ''] = node.inputs;
  const from = values.shapeOf(node, x);
  const target = openTarget(node, scope) ?? withBatch(from, values.known(node.inputs[1] ?? '')?.data);
  if (!target) return false;
  const numbers = reshapeTarget(node, from, target);
  scope.step({ ...node, inputs: [x, g.ints(numbers)], attributes: {} });
  return true;
};

/**
 * A target whose first number is the batch that the model was exported with, as tracing leaves it where its author computes it
 * by `int(…)` (the windows of a Swin). Null where the target fits as it stands, or cannot be meant so.
 */
function withBatch(from: Shape, target: readonly Dim[] | undefined): readonly Dim[] | null {
  const open = from.find((size) => typeof size === 'string');
  const [first, ...rest] = target ?? [];
  if (open === undefined || typeof first !== 'number' || first < 1 || rest.includes(0)) return null;
  const all = product(from);
  const given = rest.filter((size) => size !== -1);
  if (given.length === rest.length) {
    const images = quotient(all, product(rest));
    return typeof images === 'string' && first % knownFactor(images) === 0 ? [images, ...rest] : null;
  }
  if (quotient(all, product([first, ...given])) !== null) return null;
  const batch = quotient(open, knownFactor(open));
  if (batch === null) return null;
  const left = quotient(all, product([batch, ...given]));
  return typeof left === 'number' ? [batch, ...rest] : null;
}

const expand: SizeRule = (node, scope) => {
  const target = openTarget(node, scope);
  if (!target) return false;
  const { values, g } = scope;
  const [x = ''] = node.inputs;
  const from = values.shapeOf(node, x);
  const to = broadcast(node, from, target);
  const own = to.map((_, axis) => from[axis - (to.length - from.length)] ?? 1);
  if (to.some((n, axis) => typeof n === 'string' && n !== own[axis])) {
    scope.expand({ node: { ...node, inputs: [x] }, from, to });
  } else {
    // The batch is there already, and 1 leaves it as it is.
    scope.step({ ...node, inputs: [x, g.ints(to.map((n) => (typeof n === 'number' ? n : 1)))] });
  }
  return true;
};

/** As many repeats as images, of an axis of 1, are an Expand. */
const tile: SizeRule = (node, scope) => {
  const repeats = openTarget(node, scope);
  if (!repeats) return false;
  const { values, g } = scope;
  const [x = ''] = node.inputs;
  const own = values.shapeOf(node, x);
  if (repeats.length !== own.length || repeats.some((n, axis) => typeof n === 'string' && own[axis] !== 1)) {
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name} (Tile): [${own}] repeated [${repeats}] times`,
    );
  }
  const tiled = g.fresh('Tile');
  const fixed = repeats.map((n) => (typeof n === 'number' ? n : 1));
  scope.step({ ...node, name: tiled, inputs: [x, g.ints(fixed)], outputs: [tiled] });
  const target = g.fresh('shape');
  const data = repeats.map((n) => (typeof n === 'string' ? n : 1));
  values.know(target, { type: 'int64', shape: [data.length], data });
  scope.step({ ...node, op: 'Expand', inputs: [tiled, target] });
  return true;
};

/** The second input, where it is known but holds the batch. */
function openTarget(node: Node, { values }: SimplifyScope): readonly Dim[] | null {
  const target = values.known(node.inputs[1] ?? '')?.data;
  return target && !isFixed(target) ? target : null;
}

export const SIZES: Readonly<Record<string, SizeRule | undefined>> = Object.assign(Object.create(null), {
  Shape: shape,
  Size: size,
  Range: range,
  ConstantOfShape: constantOfShape,
  Reshape: reshape,
  Expand: expand,
  Tile: tile,
  ScatterND: scatter,
}) as Record<string, SizeRule | undefined>;
