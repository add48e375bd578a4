/** Floating-point operations of an encoder: convolutions and matrix products, which are all but a few percent. */
import { intAttribute } from './attributes.ts';
import type { Graph, Shape } from './graph.ts';
import { inferShapes } from './shapes.ts';

/** Of one run of the graph (a multiplication and an addition count as two). The batch must be a number. */
export function forwardFlops(graph: Graph): number {
  const shapes = inferShapes(graph);
  const size = (shape: Shape | undefined) =>
    (shape ?? []).reduce<number>((product, d) => product * Number(d), 1);
  let flops = 0;
  for (const node of graph.nodes) {
    const outputs = size(shapes.get(node.outputs[0] ?? ''));
    if (node.op === 'MatMul') flops += 2 * outputs * Number(shapes.get(node.inputs[0] ?? '')?.at(-1) ?? 1);
    if (node.op !== 'Conv' && node.op !== 'Gemm') continue;
    const weight = shapes.get(node.inputs[1] ?? '') ?? [];
    // Every output value is a dot product over the weights of its channel.
    const channels = weight[node.op === 'Gemm' && intAttribute(node, 'transB', 0) === 0 ? 1 : 0];
    flops += (2 * outputs * size(weight)) / Number(channels ?? 1);
  }
  return flops;
}
