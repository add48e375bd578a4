/**
 * Several groups in one run, each with BatchNorm statistics of its own. Their images come interleaved: of H groups of n
 * images, row a·H + h of the batch is the a-th image of the h-th group. Then [n·H, C, …] is [n, H·C, …] without moving a value,
 * and BatchNorm over those H·C channels, with γ and β repeated H times, is that of each group. Everything else sees n·H
 * images. A training BatchNormalization says how many groups it has by an attribute of ours, which its rule takes apart
 * (batch-norm.ts): statistics come out for each group, gradients summed over them.
 */
import { intAttribute } from '../onnx/attributes.ts';
import { isFrozenBatchNorm } from '../onnx/batch-norms.ts';
import type { Graph, GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { reshape } from './rule.ts';

const GROUPS = 'groupsAtOnce';

/**
 * The network with each training BatchNormalization for so many groups.
 * @param graph whose images nothing else mixes, see images-apart.ts; its batch is a number, the images of all groups
 */
export function withGroupsAtOnce(graph: Graph, groups: number): Graph {
  if (groups === 1) return graph;
  const isTraining = (node: Node) => node.op === 'BatchNormalization' && !isFrozenBatchNorm(node);
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      isTraining(node) ? { ...node, attributes: { ...node.attributes, [GROUPS]: groups } } : node,
    ),
  };
}

export function groupsOf(node: Node): number {
  return intAttribute(node, GROUPS, 1);
}

/** The shape in which the groups of a node lie beside each other: [n, H·C, …] of [n·H, C, …]. */
export function shapeOfGroups(node: Node, shape: Shape): Shape {
  const groups = groupsOf(node);
  if (groups === 1) return shape;
  const [images, channels, ...space] = shape.map((size) => fixed(node, size));
  return [images! / groups, groups * channels!, ...space];
}

/** A value in the shape of `shapeOfGroups`, or back in its own: it stays as it lies. */
export function reshapeGroups(
  g: GraphBuilder,
  node: Node,
  value: string,
  shape: Shape,
  output?: string,
): string {
  if (groupsOf(node) === 1) return value;
  return reshape(
    g,
    value,
    shape.map((size) => fixed(node, size)),
    output,
  );
}
