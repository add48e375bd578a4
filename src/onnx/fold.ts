/** Inference form of an encoder: BatchNorm with its running statistics folded into the convolution before it. */
import { MocoError } from '../errors.ts';
import { floatAttribute } from './attributes.ts';
import { type Graph, GraphBuilder, type Node } from './graph.ts';

export interface FoldedConvolution {
  /** Names of the convolution's weight and of the bias that the folded graph adds to it. */
  readonly weight: string;
  readonly bias: string;
  /** Prefix of the BatchNorm layer's parameters and statistics. */
  readonly batchNorm: string;
  readonly epsilon: number;
}

export interface FoldedGraph {
  readonly graph: Graph;
  readonly convolutions: readonly FoldedConvolution[];
}

/**
 * The graph without its BatchNormalization nodes. Each of them must follow a convolution without bias, as in a ResNet.
 * @throws MocoError operator-unsupported for other places
 */
export function foldBatchNorm(graph: Graph): FoldedGraph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const batchNormAfter = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (node.op !== 'BatchNormalization') continue;
    const conv = producers.get(node.inputs[0]!);
    if (conv?.op !== 'Conv' || conv.inputs.length !== 2) {
      throw new MocoError('operator-unsupported', `${node.name} does not follow a convolution without bias`);
    }
    batchNormAfter.set(conv, node);
  }
  const gone = new Set([...batchNormAfter.values()].flatMap((node) => node.inputs.slice(1)));

  const g = new GraphBuilder(`${graph.name}.inference`, 'n');
  for (const { name, shape, type } of graph.inputs) if (!gone.has(name)) g.input(name, shape, type);
  for (const [name, constant] of graph.constants) g.constant(name, constant);
  const convolutions: FoldedConvolution[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'BatchNormalization') continue;
    const batchNorm = batchNormAfter.get(node);
    if (!batchNorm) {
      g.node(node);
      continue;
    }
    const [, weight = ''] = node.inputs;
    const bias = `${weight}.bias`;
    const channels = graph.inputs.find(({ name }) => name === weight)?.shape[0] ?? 0;
    g.input(bias, [channels]);
    g.node({ ...node, inputs: [...node.inputs, bias], outputs: batchNorm.outputs });
    convolutions.push({
      weight,
      bias,
      batchNorm: batchNorm.name,
      epsilon: floatAttribute(batchNorm, 'epsilon', 1e-5),
    });
  }
  for (const { name, shape, type } of graph.outputs) g.output(name, shape, type);
  return { graph: g.build(), convolutions };
}

/**
 * The inputs of a folded graph from parameters and running statistics:
 * w' = w·γ/√(σ² + ε), b' = β − μ·γ/√(σ² + ε).
 */
export function foldWeights(
  folded: FoldedGraph,
  values: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  const get = (name: string): Float32Array => {
    const value = values.get(name);
    if (!value) throw new MocoError('shape-mismatch', `there is no value for ${name}`);
    return value;
  };
  const result = new Map<string, Float32Array>();
  for (const { weight, bias, batchNorm, epsilon } of folded.convolutions) {
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      get(`${batchNorm}.${part}`),
    );
    const w = get(weight).slice();
    const b = new Float32Array(gamma!.length);
    const perChannel = w.length / b.length;
    for (let c = 0; c < b.length; c++) {
      const scale = gamma![c]! / Math.sqrt(variance![c]! + epsilon);
      for (let i = c * perChannel; i < (c + 1) * perChannel; i++) w[i]! *= scale;
      b[c] = beta![c]! - mean![c]! * scale;
    }
    result.set(weight, w);
    result.set(bias, b);
  }
  for (const { name } of folded.graph.inputs) {
    if (!result.has(name) && values.has(name)) result.set(name, get(name));
  }
  return result;
}
