/**
 * Which nodes of a graph kernels of ours compute, on activations in the kernels' own memory: convolutions that are large enough, and what
 * follows them, normalization, Relu and sums, so that no activation between two of them is copied into a session and out of it again.
 */
import { intAttribute, windowOf } from '../onnx/attributes.ts';
import { isFrozenBatchNorm } from '../onnx/batch-norms.ts';
import type { Graph, Node, Shape } from '../onnx/graph.ts';
import { KERNEL_DOMAIN } from '../onnx/shape-rules/kernel-nodes.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { groupsOf } from './groups-at-once.ts';
import type { Convolution } from './images.ts';
import { KERNEL_RULES } from './kernel-rules.ts';

/** What would be copied for a convolution: x where a session computes it, y where only sessions read it. */
export interface Copies {
  readonly x: boolean;
  readonly y: boolean;
}

export type IsWorth = (convolution: Convolution, copies: Copies) => boolean;

/**
 * The nodes, of a network before it is differentiated, or of the graphs that it becomes.
 * @param isWorth whether the kernel computes a convolution; others stay with onnxruntime
 */
export function kernelNodes(graph: Graph, isWorth: IsWorth): ReadonlySet<Node> {
  const shapes = inferShapes(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) ?? [];
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const taken = new Set<Node>();
  const here = new Set<string>();
  const isHere = (name: string) => here.has(name);
  const isTaken = (node: Node): boolean => {
    if (node.domain === KERNEL_DOMAIN) return true;
    if (node.domain !== '') return false;
    if (node.op === 'Add') return isSum(node, shapeOf) && node.inputs.some(isHere);
    if (node.op === 'Relu') return node.inputs.some(isHere);
    if (isTraining(node)) return isHere(node.inputs[0]!) && groupsOf(node) === 1;
    const convolution = convolutionOf(node, shapeOf);
    const stays = (readers.get(node.outputs[0]!) ?? []).every((reader) => mayFollow(reader, shapeOf));
    return convolution !== null && isWorth(convolution, { x: !isHere(node.inputs[0]!), y: !stays });
  };
  for (const node of graph.nodes) {
    if (!isTaken(node)) continue;
    taken.add(node);
    for (const name of node.outputs) here.add(name);
  }
  return taken;
}

/** The outputs of those nodes of a network that have rules of their own for kernels. */
export function nodesWithKernelRules(graph: Graph, isWorth: IsWorth): ReadonlySet<string> {
  const nodes = [...kernelNodes(graph, isWorth)].filter(({ op }) => KERNEL_RULES.has(op));
  return new Set(nodes.map(({ outputs }) => outputs[0]!));
}

/** Whether a kernel may compute what reads a convolution's output, if that lies in the kernels' memory. */
function mayFollow(node: Node, shapeOf: (name: string) => Shape): boolean {
  const { domain, op } = node;
  if (domain !== '') return domain === KERNEL_DOMAIN;
  return op === 'Relu' || op === 'Conv' || isTraining(node) || (op === 'Add' && isSum(node, shapeOf));
}

const isTraining = (node: Node) =>
  node.op === 'BatchNormalization' && node.inputs.length === 5 && !isFrozenBatchNorm(node);

/** Of two equal shapes that are known. */
function isSum({ inputs }: Node, shapeOf: (name: string) => Shape): boolean {
  const [a = [], b = []] = inputs.map(shapeOf);
  return (
    a.length > 1 && a.every((size, i) => typeof size === 'number' && size === b[i]) && a.length === b.length
  );
}

/** Of two-dimensional images, in one group and without a bias; null for any other node. */
export function convolutionOf(node: Node, shapeOf: (name: string) => Shape): Convolution | null {
  const [x = '', weight = '', bias = ''] = node.inputs;
  if (node.op !== 'Conv' || node.domain !== '' || bias !== '' || intAttribute(node, 'group', 1) !== 1)
    return null;
  const [ofX, ofWeight] = [shapeOf(x), shapeOf(weight)];
  const isKnown = [...ofX, ...ofWeight].every((size) => typeof size === 'number');
  if (ofX.length !== 4 || ofWeight.length !== 4 || !isKnown) return null;
  const [batch, channels, height, width] = ofX.map(Number) as [number, number, number, number];
  const window = windowOf(node, [height, width], ofWeight.slice(2).map(Number));
  return { window, batch, x: [channels, height, width], outChannels: Number(ofWeight[0]), groups: 1 };
}
