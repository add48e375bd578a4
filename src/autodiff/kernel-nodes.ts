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

/** What would be copied for a convolution: x where a session computes it, y where only sessions read it. */
export interface Copies {
  readonly x: boolean;
  readonly y: boolean;
}

export type IsWorth = (convolution: Convolution, copies: Copies) => boolean;

/**
 * The outputs of the nodes of a network that kernels compute, chosen once: all graphs that it is differentiated into have the same, so that
 * no bit depends on what is computed again.
 * @param isWorth whether the kernel computes a convolution; others stay with onnxruntime
 */
export function chooseKernelNodes(graph: Graph, isWorth: IsWorth): ReadonlySet<string> {
  const shapes = inferShapes(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) ?? [];
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const here = new Set<string>();
  const isHere = (name: string) => here.has(name);
  const isTaken = (node: Node): boolean => {
    if (isSum(node, shapeOf) || node.op === 'Relu') return node.inputs.some(isHere);
    if (isTraining(node)) return isHere(node.inputs[0]!) && groupsOf(node) === 1;
    const convolution = convolutionOf(node, shapeOf);
    const stays = (readers.get(node.outputs[0]!) ?? []).every((reader) => mayFollow(reader, shapeOf));
    return convolution !== null && isWorth(convolution, { x: !isHere(node.inputs[0]!), y: !stays });
  };
  for (const node of graph.nodes)
    if (node.domain === '' && !readsConstant(graph, node) && isTaken(node)) here.add(node.outputs[0]!);
  return here;
}

/**
 * The nodes of a graph of that network, differentiated or not, that are calls of kernels: those chosen, those that the rules for kernels wrote, and
 * sums of what these give, gradients that meet among them.
 */
export function kernelNodes(graph: Graph, chosen: ReadonlySet<string>): ReadonlySet<Node> {
  const shapes = inferShapes(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) ?? [];
  const taken = new Set<Node>();
  const here = new Set<string>();
  for (const node of graph.nodes) {
    const isOurs = node.domain === KERNEL_DOMAIN;
    const isChosen = chosen.has(node.outputs[0]!) && convolutionOf(node, shapeOf) !== null;
    const isSumOfThese =
      isSum(node, shapeOf) && !readsConstant(graph, node) && node.inputs.some((name) => here.has(name));
    if (!isOurs && !isChosen && !isSumOfThese) continue;
    taken.add(node);
    for (const name of node.outputs) here.add(name);
  }
  return taken;
}

/** Constants are in sessions alone: of a network from a file, a filter that is fixed, or a BatchNorm without γ and β of its own. */
function readsConstant({ constants }: Graph, { inputs }: Node): boolean {
  return inputs.some((name) => constants.has(name));
}

/** Whether a kernel may compute what reads a convolution's output, if that lies in the kernels' memory. */
function mayFollow(node: Node, shapeOf: (name: string) => Shape): boolean {
  return node.op === 'Relu' || node.op === 'Conv' || isTraining(node) || isSum(node, shapeOf);
}

const isTraining = (node: Node) =>
  node.op === 'BatchNormalization' && node.inputs.length === 5 && !isFrozenBatchNorm(node);

/** Of two equal shapes that are known. */
function isSum({ op, domain, inputs }: Node, shapeOf: (name: string) => Shape): boolean {
  if (op !== 'Add' || domain !== '') return false;
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
