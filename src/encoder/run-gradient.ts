/** Runs a graph and its gradient once: for checks, where sessions are not worth keeping. */
import { type DifferentiateOptions, differentiate, type Gradient } from '../autodiff/differentiate.ts';
import { MocoError } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Graph } from '../onnx/graph.ts';
import { encoded } from './encoded-model.ts';
import { kernelPart, runKernelPart } from './kernel-part.ts';
import { createSession, floats, type SessionPlace, type Tensor, tensor } from './ort.ts';

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface GradientRun {
  /** Outputs of the graph, batch statistics and saved activations, by name. */
  readonly outputs: ReadonlyMap<string, Values>;
  /** By the name of the input that they belong to. */
  readonly gradients: ReadonlyMap<string, Values>;
  readonly statistics: Gradient['statistics'];
}

/**
 * @param inputs values of the graph's inputs, by name
 * @param dOutputs the gradient of each output in `options.outputs`
 * @param kernels compute the weight gradients of convolutions; left out: the graph does
 */
export async function runGradient(
  graph: Graph,
  options: Omit<DifferentiateOptions, 'provider'>,
  place: SessionPlace,
  inputs: ReadonlyMap<string, Values>,
  dOutputs: ReadonlyMap<string, Values>,
  kernels?: Kernels,
): Promise<GradientRun> {
  const weightGradients = kernels ? 'kernel' : 'graph';
  const gradient = differentiate(graph, { ...options, provider: place.provider, weightGradients });
  const outputs = await runOnce(gradient.forward, place, inputs);
  const available = new Map([...inputs, ...outputs]);
  for (const [output, input] of gradient.outputGradients) available.set(input, dOutputs.get(output)!);
  const found = await runOnce(gradient.backward, place, available);
  const gradients = new Map([...gradient.gradients].map(([name, output]) => [name, found.get(output)!]));
  if (kernels) {
    const left = await leftGradients(gradient.left, new Map([...available, ...found]), inputs, kernels);
    for (const [name, value] of left) gradients.set(name, value);
  }
  return { outputs, gradients, statistics: gradient.statistics };
}

/**
 * What a differentiated graph has left to kernels.
 * @param values with x and dy of each, by name
 * @param weights by name
 */
export async function leftGradients(
  left: Gradient['left'],
  values: ReadonlyMap<string, Values>,
  weights: ReadonlyMap<string, Values>,
  kernels: Kernels,
): Promise<Map<string, Values>> {
  const gradients = new Map<string, Values>();
  for (const gradient of left) {
    const { shape } = weights.get(gradient.weight)!;
    const part = kernelPart(gradient, [{ name: gradient.weight, shape }]);
    const [x, dy] = [values.get(part.x)!, values.get(part.dy)!];
    const data = await runKernelPart(part, kernels, { x: x.data, dy: dy.data, batch: x.shape[0]! });
    gradients.set(gradient.weight, { shape, data });
  }
  return gradients;
}

/** @throws MocoError shape-mismatch where an input has no value */
export async function runOnce(
  graph: Graph,
  place: SessionPlace,
  values: ReadonlyMap<string, Values>,
): Promise<Map<string, Values>> {
  const session = await createSession(encoded(graph), place);
  try {
    const feeds: Record<string, Tensor> = {};
    for (const { name } of graph.inputs) {
      const value = values.get(name);
      if (!value) throw new MocoError('shape-mismatch', `input ${name} of graph ${graph.name} has no value`);
      feeds[name] = await tensor(place.provider, value.data, value.shape);
    }
    const outputs = await session.run(feeds);
    return new Map(
      Object.entries(outputs).map(([name, output]) => [name, { shape: output.dims, data: floats(output) }]),
    );
  } finally {
    await session.dispose();
  }
}
