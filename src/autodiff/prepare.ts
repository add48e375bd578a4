/** What a graph makes of the weights alone: computed once a step, where each group would compute it again. */
import { type Graph, GraphBuilder } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';
import { copyNode } from './rule.ts';

export interface PreparedGraph {
  /** Weights → what `rest` reads of them; null where there is nothing to compute. */
  readonly prepare: Graph | null;
  /** The graph without those nodes, their results as inputs. */
  readonly rest: Graph;
}

/** @param weights names of the graph's inputs that change once a step */
export function prepareWeights(graph: Graph, weights: ReadonlySet<string>): PreparedGraph {
  const known = new Set(graph.constants.keys());
  const prepared = new Set<string>();
  const [early, late] = [new GraphBuilder(`${graph.name}.weights`), new GraphBuilder(graph.name)];
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const reads = node.inputs.filter((name) => name !== '');
    const isOfWeights =
      reads.some((name) => weights.has(name) || prepared.has(name)) &&
      reads.every((name) => weights.has(name) || prepared.has(name) || known.has(name)) &&
      !node.outputs.some((name) => outputs.has(name));
    if (isOfWeights) for (const name of node.outputs) prepared.add(name);
    copyNode(isOfWeights ? early : late, node);
  }
  if (prepared.size === 0) return { prepare: null, rest: graph };
  const read = { early: namesRead(early.build()), late: namesRead(late.build()) };
  for (const [name, constant] of graph.constants) {
    if (read.early.has(name)) early.constant(name, constant);
    if (read.late.has(name)) late.constant(name, constant);
  }
  for (const { name, shape, type } of graph.inputs) {
    if (read.early.has(name)) early.input(name, shape, type);
    if (read.late.has(name) || !weights.has(name)) late.input(name, shape, type);
  }
  const [shapes, types] = [inferShapes(early.build()), inferTypes(early.build())];
  for (const name of prepared) {
    if (!read.late.has(name)) continue;
    early.output(name, shapes.get(name)!, types.get(name));
    late.input(name, shapes.get(name)!, types.get(name));
  }
  for (const { name, shape, type } of graph.outputs) late.output(name, shape, type);
  return { prepare: early.build(), rest: late.build() };
}

function namesRead({ nodes }: Graph): ReadonlySet<string> {
  return new Set(nodes.flatMap(({ inputs }) => inputs));
}
