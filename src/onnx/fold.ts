/** Inference form of an encoder: BatchNorm with its running statistics folded into the convolution before it. */
import { MocoError } from '../errors.ts';
import { floatAttribute, intAttribute } from './attributes.ts';
import { type Graph, GraphBuilder, type Node } from './graph.ts';

export interface FoldedLayer {
  /** Names of the layer's weight and, where it has one, its bias in the graph before folding. */
  readonly weight: string;
  readonly bias: string | null;
  /** Name of the bias that the folded layer adds. */
  readonly foldedBias: string;
  /** Names of γ, β, running mean and running variance. */
  readonly batchNorm: readonly [string, string, string, string];
  readonly epsilon: number;
}

export interface FoldedGraph {
  readonly graph: Graph;
  readonly layers: readonly FoldedLayer[];
}

/**
 * The graph with each BatchNormalization that alone reads a convolution or a linear layer folded into that layer. Others
 * stay, and use their running statistics.
 */
export function foldBatchNorm(graph: Graph): FoldedGraph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const readers = countReaders(graph);
  const inputs = new Map(graph.inputs.map(({ name, shape }) => [name, shape]));
  const batchNormAfter = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (node.op !== 'BatchNormalization') continue;
    const [x = '', ...parameters] = node.inputs;
    const layer = producers.get(x);
    const isFree = readers.get(x) === 1 && readers.get(layer?.inputs[1] ?? '') === 1;
    if (layer && isFree && isFoldable(layer) && parameters.every((name) => inputs.has(name))) {
      batchNormAfter.set(layer, node);
    }
  }
  const folded = new Set(batchNormAfter.values());
  const gone = new Set(
    [...batchNormAfter].flatMap(([layer, node]) => [...node.inputs.slice(1), ...layer.inputs.slice(2)]),
  );
  for (const node of graph.nodes) {
    if (folded.has(node) || batchNormAfter.has(node)) continue;
    for (const input of node.inputs) gone.delete(input);
  }

  const g = new GraphBuilder(`${graph.name}.inference`, 'n');
  for (const { name, shape, type } of graph.inputs) if (!gone.has(name)) g.input(name, shape, type);
  for (const [name, constant] of graph.constants) g.constant(name, constant);
  const layers: FoldedLayer[] = [];
  for (const node of graph.nodes) {
    if (folded.has(node)) continue;
    const batchNorm = batchNormAfter.get(node);
    if (!batchNorm) {
      g.node(node);
      continue;
    }
    const [x = '', weight = '', bias = ''] = node.inputs;
    const [, gamma = '', beta = '', mean = '', variance = ''] = batchNorm.inputs;
    const foldedBias = `${weight}.bias`;
    const channels = inputs.get(gamma)?.[0] ?? 0;
    g.input(foldedBias, [channels]);
    g.node({ ...node, inputs: [x, weight, foldedBias], outputs: batchNorm.outputs });
    layers.push({
      weight,
      bias: bias === '' ? null : bias,
      foldedBias,
      batchNorm: [gamma, beta, mean, variance],
      epsilon: floatAttribute(batchNorm, 'epsilon', 1e-5),
    });
  }
  for (const { name, shape, type } of graph.outputs) g.output(name, shape, type);
  return { graph: g.build(), layers };
}

/** Whether rows of the weight belong to output channels, one each. */
function isFoldable(layer: Node): boolean {
  if (layer.op === 'Conv') return true;
  const plain = floatAttribute(layer, 'alpha', 1) === 1 && floatAttribute(layer, 'beta', 1) === 1;
  return layer.op === 'Gemm' && plain && intAttribute(layer, 'transB', 0) === 1;
}

function countReaders(graph: Graph): Map<string, number> {
  const readers = new Map<string, number>();
  const read = (name: string) => readers.set(name, (readers.get(name) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(read);
  for (const { name } of graph.outputs) read(name);
  return readers;
}

/**
 * The inputs of a folded graph from parameters and running statistics:
 * w' = w·γ/√(σ² + ε), b' = β + (b − μ)·γ/√(σ² + ε).
 * @throws MocoError shape-mismatch where one is missing
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
  for (const { weight, bias, foldedBias, batchNorm, epsilon } of folded.layers) {
    const [gamma, beta, mean, variance] = batchNorm.map(get);
    const w = get(weight).slice();
    const b = new Float32Array(gamma!.length);
    const before = bias === null ? b : get(bias);
    const perChannel = w.length / b.length;
    const result64 = Float64Array.from(b, (_, c) => {
      const scale = gamma![c]! / Math.sqrt(variance![c]! + epsilon);
      for (let i = c * perChannel; i < (c + 1) * perChannel; i++) w[i]! *= scale;
      return beta![c]! + (before[c]! - mean![c]!) * scale;
    });
    result.set(weight, w);
    result.set(foldedBias, Float32Array.from(result64));
  }
  for (const { name } of folded.graph.inputs) {
    if (!result.has(name) && values.has(name)) result.set(name, get(name));
  }
  return result;
}
