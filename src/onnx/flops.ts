/** Floating-point operations of an encoder: convolutions and linear layers, which are all but a few percent. */
import type { Graph, Shape } from './graph.ts';
import { inferShapes } from './shapes.ts';

/** Of one run of the graph (a multiplication and an addition count as two). The batch must be a number. */
export function forwardFlops(graph: Graph): number {
  const shapes = inferShapes(graph);
  const size = (shape: Shape | undefined) =>
    (shape ?? []).reduce<number>((product, d) => product * Number(d), 1);
  let flops = 0;
  for (const { op, inputs, outputs } of graph.nodes) {
    if (op !== 'Conv' && op !== 'Gemm') continue;
    const weight = shapes.get(inputs[1] ?? '') ?? [];
    // Every output value is a dot product over the weights of its channel, the first axis of both kinds of weights.
    flops += (2 * size(shapes.get(outputs[0] ?? '')) * size(weight)) / Number(weight[0] ?? 1);
  }
  return flops;
}
