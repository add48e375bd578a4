/**
 * A network as a chain of segments, each of which takes one activation and gives one (Chen, Xu, Zhang, Guestrin,
 * "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, section 4): only the activations between them are
 * kept, and the backward pass computes a segment's own ones again.
 */
import type { Graph, Node, Value } from '../onnx/graph.ts';
import { sliceFor } from '../onnx/slice.ts';

/**
 * Activations that everything after them depends on alone, in graph order: the graph can be cut at any of them. Weights
 * are read on one side of such a cut only.
 * @param image the input that activations depend on
 * @param output the value that the network is for
 */
export function cutPoints(graph: Graph, image: string, output: string): string[] {
  const { nodes } = sliceFor(graph, [output]);
  const lastReader = new Map<string, number>();
  const firstReader = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.inputs) {
      lastReader.set(name, i);
      if (!firstReader.has(name)) firstReader.set(name, i);
    }
  });
  /** By how many the weights in use after node i, by it and by a later one, are more than those after the node before. */
  const changes = new Int32Array(nodes.length + 1);
  for (const { name } of graph.inputs) {
    if (name === image) continue;
    changes[firstReader.get(name) ?? 0]!++;
    changes[lastReader.get(name) ?? 0]!--;
  }

  const activations = new Set([image]);
  const open = new Set([image]);
  const cuts: string[] = [];
  let shared = 0;
  nodes.forEach((node, i) => {
    shared += changes[i]!;
    if (!node.inputs.some((name) => activations.has(name))) return;
    for (const name of node.outputs) {
      activations.add(name);
      if (lastReader.has(name)) open.add(name);
    }
    for (const name of node.inputs) if (lastReader.get(name) === i) open.delete(name);
    const [only] = open;
    const isCut = open.size === 1 && only !== undefined && node.outputs.includes(only);
    if (isCut && shared === 0) cuts.push(only);
  });
  return cuts;
}

/**
 * Cuts that leave segments of about equal weight.
 * @param weight what a node counts
 */
export function chooseCuts(
  graph: Graph,
  candidates: readonly string[],
  segments: number,
  weight: (node: Node) => number,
): string[] {
  const places = new Map<string, number>();
  let total = 0;
  for (const node of graph.nodes) {
    total += weight(node);
    for (const name of node.outputs) places.set(name, total);
  }
  const chosen = new Set<string>();
  for (let segment = 1; segment < segments; segment++) {
    const target = (total * segment) / segments;
    const distance = (name: string) => Math.abs((places.get(name) ?? 0) - target);
    const nearest = candidates.reduce(
      (best, name) => (distance(name) < distance(best) ? name : best),
      candidates[0] ?? '',
    );
    if (nearest !== '') chosen.add(nearest);
  }
  return candidates.filter((name) => chosen.has(name));
}

/** The part of a graph that computes `output` from `input`: an activation, or the graph's own image. */
export function segmentOf(
  graph: Graph,
  input: string,
  output: string,
  shapeOf: (name: string) => Graph['inputs'][number]['shape'],
): Graph {
  const { nodes } = sliceFor(graph, [output], [input]);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const isInput = graph.inputs.some(({ name }) => name === input);
  const inputs = graph.inputs.filter(({ name }) => read.has(name));
  return {
    ...graph,
    name: `${graph.name}.${output}`,
    nodes,
    inputs: isInput ? inputs : [{ name: input, type: 'float32', shape: shapeOf(input) }, ...inputs],
    outputs: [{ name: output, type: 'float32', shape: shapeOf(output) }],
    constants: new Map([...graph.constants].filter(([name]) => read.has(name))),
  };
}

/**
 * One graph that runs `first` and then `second`, which reads values of it under their names.
 * @param given what it gives out of first, beside the outputs of second; values that first does not write are left out
 */
export function chain(name: string, first: Graph, second: Graph, given: readonly Value[] = []): Graph {
  const written = new Set(first.nodes.flatMap(({ outputs }) => outputs));
  const outputs = new Map(second.outputs.map((value) => [value.name, value]));
  for (const value of given) if (written.has(value.name)) outputs.set(value.name, value);
  const known = new Set(first.inputs.map((value) => value.name));
  return {
    name,
    opset: second.opset,
    inputs: [
      ...first.inputs,
      ...second.inputs.filter((value) => !written.has(value.name) && !known.has(value.name)),
    ],
    outputs: [...outputs.values()],
    constants: new Map([...first.constants, ...second.constants]),
    nodes: [...first.nodes, ...second.nodes],
  };
}
