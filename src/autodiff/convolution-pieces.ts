/**
 * A graph without its convolutions: pieces that run one after the other, between which a kernel of ours computes what Conv nodes
 * would (kernels/convolution.ts).
 */
import { intAttribute, windowOf } from '../onnx/attributes.ts';
import type { Graph, Node, Shape, Value } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';
import type { Convolution } from './images.ts';

export interface KernelConvolution {
  readonly kind: 'convolution';
  readonly x: string;
  readonly weight: string;
  readonly y: string;
  readonly convolution: Convolution;
}

export type ConvolutionPiece = { readonly kind: 'graph'; readonly graph: Graph } | KernelConvolution;

/**
 * The pieces, in the order in which they run: what later ones read, and what the graph gives, is given by each.
 * @param takes whether the kernel computes a convolution; others stay nodes
 * @returns null where it takes none
 */
export function convolutionPieces(
  graph: Graph,
  takes: (convolution: Convolution) => boolean,
): readonly ConvolutionPiece[] | null {
  const shapes = inferShapes(graph);
  const taken = new Map<Node, KernelConvolution>();
  for (const node of graph.nodes) {
    const found = kernelConvolution(node, (name) => shapes.get(name) ?? []);
    if (found && takes(found.convolution)) taken.set(node, found);
  }
  if (taken.size === 0) return null;
  const levels = chooseLevels(graph, taken);
  const count = 1 + Math.max(...levels.values());
  const groups = Array.from({ length: count }, (_, level) => ({
    nodes: graph.nodes.filter((node) => levels.get(node) === level && !taken.has(node)),
    convolutions: graph.nodes.flatMap((node) => (levels.get(node) === level ? (taken.get(node) ?? []) : [])),
  }));
  const types = inferTypes(graph);
  const inputs = new Map(graph.inputs.map((value) => [value.name, value]));
  const described = (name: string): Value =>
    inputs.get(name) ?? { name, type: types.get(name) ?? 'float32', shape: shapes.get(name)! };
  const given = new Set(graph.outputs.map(({ name }) => name));
  return groups.flatMap(({ nodes, convolutions }, level): ConvolutionPiece[] => {
    if (nodes.length === 0) return convolutions;
    const later = groups.slice(level + 1).flatMap((group) => group.nodes);
    const rest = groups.slice(level).flatMap((group) => group.convolutions);
    const wanted = new Set([
      ...given,
      ...later.flatMap((node) => node.inputs),
      ...rest.flatMap(({ x, weight }) => [x, weight]),
    ]);
    const name = `${graph.name}.${level}`;
    return [{ kind: 'graph', graph: pieceOf(graph, name, nodes, wanted, described) }, ...convolutions];
  });
}

/** Of two-dimensional images, in one group and without a bias; null for any other node. */
function kernelConvolution(node: Node, shapeOf: (name: string) => Shape): KernelConvolution | null {
  const [x = '', weight = '', bias = ''] = node.inputs;
  if (node.op !== 'Conv' || node.domain !== '' || bias !== '' || intAttribute(node, 'group', 1) !== 1)
    return null;
  const [ofX, ofWeight] = [shapeOf(x), shapeOf(weight)];
  const isKnown = [...ofX, ...ofWeight].every((size) => typeof size === 'number');
  if (ofX.length !== 4 || ofWeight.length !== 4 || !isKnown) return null;
  const [batch, channels, height, width] = ofX.map(Number) as [number, number, number, number];
  const window = windowOf(node, [height, width], ofWeight.slice(2).map(Number));
  const outChannels = Number(ofWeight[0]);
  const convolution = { window, batch, x: [channels, height, width] as const, outChannels, groups: 1 };
  return { kind: 'convolution', x, weight, y: node.outputs[0]!, convolution };
}

/**
 * In which piece each node runs, or after which: as soon as the convolutions that it depends on are there. What depends on none (in a backward
 * pass, what is computed again from what was kept) waits for the first that reads it, so that it is not there before its time.
 */
function chooseLevels(graph: Graph, taken: ReadonlyMap<Node, unknown>): ReadonlyMap<Node, number> {
  const earliest = new Map<string, number>();
  const levels = new Map<Node, number>();
  for (const node of graph.nodes) {
    const level = Math.max(0, ...node.inputs.map((name) => earliest.get(name) ?? 0));
    levels.set(node, level);
    for (const name of node.outputs) earliest.set(name, taken.has(node) ? level + 1 : level);
  }
  const readAt = new Map<string, number>();
  for (const node of graph.nodes.toReversed()) {
    const isFree = levels.get(node) === 0 && !taken.has(node);
    const readers = node.outputs.map((name) => readAt.get(name) ?? Number.POSITIVE_INFINITY);
    const first = Math.min(...readers);
    const level = isFree && Number.isFinite(first) ? first : levels.get(node)!;
    levels.set(node, level);
    for (const name of node.inputs) readAt.set(name, Math.min(level, readAt.get(name) ?? level));
  }
  return levels;
}

function pieceOf(
  graph: Graph,
  name: string,
  nodes: readonly Node[],
  wanted: ReadonlySet<string>,
  described: (name: string) => Value,
): Graph {
  const written = nodes.flatMap((node) => node.outputs).filter((output) => output !== '');
  const own = new Set(written);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const fed = [...read].filter((input) => input !== '' && !own.has(input) && !graph.constants.has(input));
  return {
    ...{ name, opset: graph.opset, nodes },
    constants: new Map([...graph.constants].filter(([constant]) => read.has(constant))),
    inputs: fed.map(described),
    outputs: written.filter((output) => wanted.has(output)).map(described),
  };
}
