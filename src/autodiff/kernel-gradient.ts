/**
 * Weight gradients that graphs leave to a kernel of ours (kernels/conv-weight-gradient.ts). In the backward pass such a gradient is
 * a leaf: nothing waits for it, so it can be computed between two sessions, from what the convolution read (x) and the
 * gradient of what it gave (dy).
 */
import type { Graph, GraphBuilder, Shape, Value } from '../onnx/graph.ts';
import type { Convolution } from './images.ts';

/** A weight gradient that is no output of the backward graph: what the kernel `conv-weight-gradient` computes it from. */
export interface KernelGradient {
  /** An input of the graph that the convolution alone reads. */
  readonly weight: string;
  /** A value of the forward graph: saved, an input, or given out by the backward graph, which has computed it again. */
  readonly x: Value;
  /** Given out by the backward graph, or an input of it. */
  readonly dy: Value;
  readonly convolution: Convolution;
}

/**
 * Inputs of a graph that one node reads, once: were a weight shared, the gradients of its uses would have to be added, and of
 * one that the graph computes (weight standardization) the gradient goes on.
 */
export function leaves(graph: Graph): ReadonlySet<string> {
  const uses = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const given = new Set(graph.outputs.map(({ name }) => name));
  const isLeaf = (name: string) => uses.get(name) === 1 && !given.has(name);
  return new Set(graph.inputs.map(({ name }) => name).filter(isLeaf));
}

/** Has the backward graph give out what kernels read of it and it does not read itself. */
export function giveOut(backward: GraphBuilder, left: readonly KernelGradient[]): void {
  for (const { name, shape } of left.flatMap(({ x, dy }) => [x, dy])) {
    if (!backward.hasInput(name) && !backward.hasOutput(name)) backward.output(name, shape);
  }
}

/** Without inputs that no node reads: what only a kernel reads is not copied into a session. */
export function withoutUnread(graph: Graph): Graph {
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  return { ...graph, inputs: graph.inputs.filter(({ name }) => read.has(name)) };
}

export function float32(name: string, shape: Shape): Value {
  return { name, type: 'float32', shape };
}
