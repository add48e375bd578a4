/** How much memory a graph takes while it runs, from the shapes of its values alone. */
import { count } from '../onnx/dims.ts';
import type { ElementType, Graph } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';

const BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  int32: 4,
  int64: 8,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  bool: 1,
};

/** Bytes of a value by its name. All sizes of the graph must be numbers. */
export function byteSizes(graph: Graph): (name: string) => number {
  const shapes = inferShapes(graph);
  const types = inferTypes(graph);
  return (name) => count((shapes.get(name) ?? []).map(Number)) * BYTES[types.get(name) ?? 'float32'];
}

/**
 * The most bytes that the values of a graph take at one time when its nodes run in their order: inputs and constants
 * throughout, an output until the end, anything else from its node to its last reader. An allocator's own losses and the
 * working memory of operators are not in it.
 */
export function peakBytes(graph: Graph): number {
  const size = byteSizes(graph);
  const lastReader = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    for (const name of node.inputs) lastReader.set(name, i);
  });
  for (const { name } of graph.outputs) lastReader.set(name, graph.nodes.length);
  const throughout = [...graph.inputs.map(({ name }) => name), ...graph.constants.keys()];
  let live = throughout.reduce((sum, name) => sum + size(name), 0);
  let peak = live;
  const lasting = new Set(throughout);
  graph.nodes.forEach((node, i) => {
    for (const output of node.outputs) live += size(output);
    peak = Math.max(peak, live);
    for (const name of new Set([...node.inputs, ...node.outputs])) {
      if (name !== '' && !lasting.has(name) && (lastReader.get(name) ?? i) <= i) live -= size(name);
    }
  });
  return peak;
}
