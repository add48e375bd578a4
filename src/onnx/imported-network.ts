/** An encoder from an imported model: its backbone up to the features, and a projection head in the classifier's place. */
import { MocoError } from '../errors.ts';
import { isFrozenBatchNorm } from './batch-norms.ts';
import type { Parameter } from './encoder-graph.ts';
import { type FeatureOptions, findFeature } from './feature.ts';
import { type Constant, type Graph, GraphBuilder, type Node, type Value } from './graph.ts';
import { type ImageLayout, requireImages } from './image-layout.ts';
import { BATCH, type ImportedNetwork } from './network.ts';
import { fixed } from './shape-rules/rule.ts';
import { inferShapes } from './shapes.ts';
import { sliceFor } from './slice.ts';

/** What importModel gives, as far as it is needed here. */
export interface ModelParts {
  readonly graph: Graph;
  /** The images, the graph's first input: squares of 3 channels or 1, in either layout. */
  readonly input: Value;
  /** Values of the weights, which are inputs of the graph. */
  readonly weights: ReadonlyMap<string, Constant>;
  /** Values of running means and variances, which are inputs too. */
  readonly statistics: ReadonlyMap<string, Constant>;
  /** Names of the graph's constants that the model's own state holds. */
  readonly buffers?: readonly string[];
}

/** `feature`: the value that the head takes, by default the one that findFeature finds. */
export interface HeadOptions extends FeatureOptions {
  /** Length of the embedding. */
  readonly dim: number;
  /** v2's two-layer head, hidden as wide as the features, or v1's one layer. */
  readonly mlp: boolean;
}

export interface NetworkWithValues {
  readonly network: ImportedNetwork;
  /** Parameters of the backbone, `<layer>.running_mean` and `<layer>.running_var`. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** What the head takes, in words. */
  readonly features: string;
}

/**
 * @throws MocoError model-invalid where no feature is found; usage where the named feature is none, or the input is no batch
 * of square images
 */
export function networkFromModel(model: ModelParts, options: HeadOptions): NetworkWithValues {
  const { dim, mlp } = options;
  const layout = requireImages(model.input);
  const size = Number(model.input.shape[layout.height]);
  const adapted = layout.name === 'NHWC' || model.input.shape[layout.channels] === 1;
  const { name: feature, kind, says } = findFeature(model.graph, options);
  const rename = renaming(model, adapted ? OWN_IMAGE : IMAGE, feature, NAMES[kind]);
  const backbone = renamed(upTo(model.graph, feature), rename, rename(feature));
  const renameKeys = (constants: ReadonlyMap<string, Constant>) =>
    new Map([...constants].map(([name, constant]) => [rename(name), constant]));
  const weights = renameKeys(model.weights);
  const g = new GraphBuilder('encoder', 'h');
  const values = new Map<string, Float32Array>();
  const parameters: Parameter[] = [];
  const statistics = nameStatistics(backbone, renameKeys(model.statistics));

  g.input(IMAGE, [BATCH, 3, size, size]);
  if (adapted) adaptImages(g, layout, model.input.shape[layout.channels] === 1);
  for (const { name, shape } of backbone.inputs.filter((value) => weights.has(value.name))) {
    const sizes = shape.map(Number);
    g.input(name, sizes);
    parameters.push({ name, shape: sizes, initialization: 'given', fanIn: 0 });
    values.set(name, weights.get(name)!.data as Float32Array);
  }
  for (const [name, data] of statistics.values) {
    g.input(name, [data.length]);
    values.set(name, data);
  }
  for (const [name, constant] of backbone.constants) g.constant(name, constant);
  for (const node of statistics.nodes) g.node(node);

  const shape = inferShapes(backbone).get(NAMES[kind]) ?? [];
  if (kind === 'map') g.op('Flatten', [g.op('GlobalAveragePool', [NAMES.map])], { axis: 1 }, 'features');
  if (kind === 'tokens' && options.pool === 'first') {
    const first = g.constant('h.first', { type: 'int64', shape: [], data: BigInt64Array.of(0n) });
    g.op('Gather', [NAMES.tokens, first], { axis: 1 }, 'features');
  } else if (kind === 'tokens') g.op('ReduceMean', [NAMES.tokens], { axes: [1], keepdims: 0 }, 'features');
  const last = backbone.nodes.at(-1)!;
  const features = fixed(last, shape[kind === 'tokens' ? 2 : 1]);
  const prefix = values.has('fc.weight') || values.has('fc.0.weight') ? 'projection' : 'fc';
  const linear = (x: string, name: string, from: number, to: number, output: string): string => {
    parameters.push({
      name: `${name}.weight`,
      shape: [to, from],
      initialization: 'linear-weight',
      fanIn: from,
    });
    parameters.push({ name: `${name}.bias`, shape: [to], initialization: 'linear-bias', fanIn: from });
    const inputs = [x, g.input(`${name}.weight`, [to, from]), g.input(`${name}.bias`, [to])];
    return g.op('Gemm', inputs, { transB: 1 }, output);
  };
  if (mlp) {
    const hidden = linear('features', `${prefix}.0`, features, features, `${prefix}.0.out`);
    linear(g.op('Relu', [hidden], {}, `${prefix}.1.out`), `${prefix}.2`, features, dim, 'embedding');
  } else linear('features', prefix, features, dim, 'embedding');
  g.output('embedding', [BATCH, dim]);
  g.output('features', [BATCH, features]);
  const graph = g.build();
  const buffers = (model.buffers ?? []).map(rename).filter((name) => graph.constants.has(name));
  return {
    network: { graph, parameters, ...(buffers.length > 0 ? { buffers } : {}) },
    values,
    features: says,
  };
}

/**
 * The backbone of a network that was learned, with a new head in the place of the one that it had.
 * @param values its parameters and running statistics, by name
 * @throws MocoError model-invalid where one is missing
 */
export function withNewHead(
  { graph, parameters, buffers = [] }: ImportedNetwork,
  values: ReadonlyMap<string, Float32Array>,
  { dim, mlp }: HeadOptions,
): NetworkWithValues {
  const [input, ...others] = graph.inputs;
  if (!input) throw new MocoError('model-invalid', 'the graph has no image');
  const isWeight = new Set(parameters.map(({ name }) => name));
  const constants = (names: readonly Value[]) =>
    new Map(
      names.map(({ name, shape }): [string, Constant] => {
        const data = values.get(name);
        if (!data) throw new MocoError('model-invalid', `there are no values for ${name}`);
        return [name, { type: 'float32', shape: shape.map(Number), data }];
      }),
    );
  const weights = constants(others.filter(({ name }) => isWeight.has(name)));
  const statistics = constants(others.filter(({ name }) => !isWeight.has(name)));
  return networkFromModel({ graph, input, weights, statistics, buffers }, { feature: 'features', dim, mlp });
}

/** The nodes that a value depends on, with the inputs and constants that they read. */
function upTo(graph: Graph, value: string): Graph {
  const { nodes, needed } = sliceFor(graph, [value]);
  const [image, ...weights] = graph.inputs;
  if (!image || !needed.has(image.name)) {
    throw new MocoError('model-invalid', `feature ${value} does not depend on the image`);
  }
  return {
    ...graph,
    nodes,
    inputs: [image, ...weights.filter(({ name }) => needed.has(name))],
    constants: new Map([...graph.constants].filter(([name]) => needed.has(name))),
  };
}

const IMAGE = 'image';
/** The image as the model takes it, where it takes another layout or gray. */
const OWN_IMAGE = 'image.own';
const NAMES = { vector: 'features', map: 'feature-map', tokens: 'tokens' } as const;
/** ITU-R BT.601, as PIL and torchvision make gray of colors. */
const GRAY = [0.299, 0.587, 0.114] as const;

/** Makes of our images [batch, 3, height, width] those that the model takes. */
function adaptImages(g: GraphBuilder, { name }: ImageLayout, isGray: boolean): void {
  const isLast = name !== 'NHWC';
  let x: string = IMAGE;
  if (isGray) {
    const weights = { type: 'float32', shape: [1, 3, 1, 1], data: Float32Array.from(GRAY) } as const;
    const attributes = { kernel_shape: [1, 1] };
    x = g.op('Conv', [x, g.constant('h.gray', weights)], attributes, isLast ? OWN_IMAGE : 'h.image.gray');
  }
  if (!isLast) g.op('Transpose', [x], { perm: [0, 2, 3, 1] }, OWN_IMAGE);
}

/** The image and the features have names of ours; who has these names loses them. */
function renaming(
  model: ModelParts,
  image: string,
  feature: string,
  output: string,
): (name: string) => string {
  const names = new Map([
    [model.input.name, image],
    [feature, output],
  ]);
  const taken: string[] = [IMAGE, OWN_IMAGE, ...Object.values(NAMES), 'embedding'];
  return (name) => names.get(name) ?? (taken.includes(name) ? `${name}.original` : name);
}

function renamed(graph: Graph, rename: (name: string) => string, output: string): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value, name: rename(value.name) })),
    outputs: [{ name: output, type: 'float32', shape: [] }],
    constants: new Map([...graph.constants].map(([name, constant]) => [rename(name), constant])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  };
}

/** BatchNormalization nodes with names that their statistics are named after, and the values of these. */
function nameStatistics(graph: Graph, given: ReadonlyMap<string, Constant>) {
  const values = new Map<string, Float32Array>();
  const copies = new Map<string, number>();
  const nodes = graph.nodes.map((node): Node => {
    if (node.op !== 'BatchNormalization' || isFrozenBatchNorm(node)) return node;
    const [x = '', gamma = '', beta = '', mean = '', variance = ''] = node.inputs;
    // torch.onnx keeps the names of the state dict, unless it has changed the values.
    const stem = mean.endsWith('.running_mean') ? mean.slice(0, -'.running_mean'.length) : node.name;
    let name = stem;
    let copy = copies.get(stem) ?? 1;
    while (values.has(`${name}.running_mean`)) name = `${stem}.${++copy}`;
    copies.set(stem, copy);
    const statistics = [`${name}.running_mean`, `${name}.running_var`];
    for (const [i, source] of [mean, variance].entries()) {
      values.set(statistics[i]!, given.get(source)!.data as Float32Array);
    }
    return { ...node, name, inputs: [x, gamma, beta, ...statistics] };
  });
  return { nodes, values };
}
