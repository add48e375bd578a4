/** Removal of what no output depends on. */
import type { Graph } from '../graph.ts';
import { sliceFor } from '../slice.ts';

/** The graph without nodes and constants that no output needs. */
export function prune(graph: Graph): Graph {
  const { nodes, needed } = sliceFor(
    graph,
    graph.outputs.map(({ name }) => name),
  );
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, constants };
}
