/** A graph that is run as it is, in a form that the provider runs right. */
import { type Graph, GraphBuilder } from '../onnx/graph.ts';
import { constantInts, inferShapes } from '../onnx/shapes.ts';
import { LOWERINGS, type Provider } from './lowering.ts';
import { copyNode, type LoweringScope } from './rule.ts';
import { RULES } from './rules.ts';

/** The same inputs, outputs and values; batch statistics are not taken. */
export function lowerGraph(graph: Graph, provider: Provider): Graph {
  const shapes = inferShapes(graph);
  const scope: LoweringScope = {
    g: new GraphBuilder(graph.name, 'l'),
    lowering: LOWERINGS[provider],
    shape: (name) => shapes.get(name)!,
    ints: (name) => constantInts(graph.constants.get(name ?? '')),
  };
  for (const node of graph.nodes) {
    const rule = RULES.get(node.op);
    if (rule?.lower) rule.lower(node, scope);
    else copyNode(scope.g, node);
  }
  for (const [name, constant] of graph.constants) scope.g.constant(name, constant);
  for (const { name, shape, type } of graph.inputs) scope.g.input(name, shape, type);
  for (const { name, shape, type } of graph.outputs) scope.g.output(name, shape, type);
  return scope.g.build();
}
