/** The part of a graph that some values depend on. */
import type { Graph, Node } from './graph.ts';

export interface Slice {
  /** In graph order. */
  readonly nodes: readonly Node[];
  /** The values themselves, and all that the nodes read. */
  readonly needed: ReadonlySet<string>;
}

/** @param given values that are there already: what they depend on is left out */
export function sliceFor(graph: Graph, values: Iterable<string>, given: readonly string[] = []): Slice {
  const needed = new Set(values);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name) && !given.includes(name))) continue;
    for (const input of node.inputs) needed.add(input);
    nodes.push(node);
  }
  return { nodes: nodes.reverse(), needed };
}
