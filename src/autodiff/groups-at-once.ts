/**
 * Several groups in one run, each with BatchNorm statistics of its own. Their images come interleaved: of H groups of n
 * images, row a·H + h of the batch is the a-th image of the h-th group. Then [n·H, C, …] is [n, H·C, …] without moving a value,
 * and BatchNorm over those H·C channels, with γ and β repeated H times, is that of each group. Everything else sees n·H
 * images. Done to the forward graph: the gradients follow by the rules of Reshape and Tile, summed over the groups.
 */
import { isFrozenBatchNorm } from '../onnx/batch-norms.ts';
import { type Graph, GraphBuilder, type Node } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { reduceSum, reshape } from './rule.ts';
import type { TrainingGraphs } from './training-graphs.ts';

/**
 * The network with each training BatchNormalization taken apart into that of so many groups.
 * @param graph whose images nothing else mixes, see images-apart.ts; its batch is a number, the images of all groups
 */
export function withGroupsAtOnce(graph: Graph, groups: number): Graph {
  if (groups === 1) return graph;
  const shapes = inferShapes(graph);
  const g = new GraphBuilder(graph.name, 'group');
  for (const node of graph.nodes) {
    if (node.op !== 'BatchNormalization' || isFrozenBatchNorm(node)) g.node(node);
    else
      normalizeEach(
        g,
        node,
        shapes.get(node.inputs[0]!)!.map((size) => fixed(node, size)),
        groups,
      );
  }
  for (const [name, constant] of graph.constants) g.constant(name, constant);
  for (const { name, shape, type } of graph.inputs) g.input(name, shape, type);
  for (const { name, shape, type } of graph.outputs) g.output(name, shape, type);
  return g.build();
}

function normalizeEach(
  g: GraphBuilder,
  node: Node,
  [images = 0, channels = 0, ...space]: readonly number[],
  groups: number,
): void {
  const [x = '', gamma = '', beta = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const apart = reshape(g, x, [images / groups, groups * channels, ...space]);
  const repeated = [gamma, beta].map((value) => g.op('Tile', [value, g.ints([groups])]));
  // In training nothing reads running statistics: anything of their shape may stand there.
  const normalized = { ...node, inputs: [apart, ...repeated, ...repeated], outputs: [ofEachGroup(y)] };
  g.node(normalized);
  reshape(g, normalized.outputs[0]!, [images, channels, ...space], y);
}

const ofEachGroup = (output: string) => `${output}.of-groups`;

/**
 * The same graphs, whose forward gives sums over the groups of a run, [channels], where it gave a mean and a variance for
 * each of them: what is wanted of statistics is their mean over all groups of a batch.
 */
export function withSummedStatistics(graphs: TrainingGraphs, groups: number): TrainingGraphs {
  if (groups === 1) return graphs;
  const { forward, saved } = graphs;
  const g = new GraphBuilder(forward.name, 'sum');
  for (const node of forward.nodes) g.node(node);
  for (const [name, constant] of forward.constants) g.constant(name, constant);
  for (const { name, shape, type } of forward.inputs) g.input(name, shape, type);
  const kept = new Set(saved);
  const apart = new Set(graphs.statistics.flatMap(({ mean, variance }) => [mean, variance]));
  for (const { name, shape, type } of forward.outputs) {
    if (!apart.has(name) || kept.has(name)) g.output(name, shape, type);
  }
  const statistics = graphs.statistics.map((entry) => {
    const channels = entry.channels / groups;
    const [mean, variance] = [entry.mean, entry.variance].map((name) => {
      const sum = reduceSum(g, reshape(g, name, [groups, channels]), [0], false, `${name}.sum`);
      g.output(sum, [channels]);
      return sum;
    });
    return { ...entry, channels, mean: mean!, variance: variance! };
  });
  return { ...graphs, forward: g.build(), statistics };
}
