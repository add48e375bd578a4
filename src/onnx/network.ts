/** An encoder's graph, whatever it comes from: one of the built-in ResNets, or a model that was exported to ONNX. */
import { expectArgument, type Form, made, record, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { Encoder, Parameter } from './encoder-graph.ts';
import type { Dim, Graph, Shape } from './graph.ts';
import { GRAPH } from './graph-form.ts';
import { BATCH_SIZE, buildResNet, RESNET, type ResNetSpec } from './resnet.ts';
import { fixed } from './shape-rules/rule.ts';
import { inferShapes } from './shapes.ts';

/**
 * An encoder that was read from a file: input `image` ['batch', 3, height, width], outputs `embedding` ['batch', dim] and
 * `features` ['batch', featureDim]; a BatchNormalization is named so that its running statistics are the inputs
 * `<name>.running_mean` and `<name>.running_var`.
 */
export interface ImportedNetwork {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

export type NetworkSpec = ResNetSpec | ImportedNetwork;

/** The size that stands for the batch in the graphs of imported networks. */
export const BATCH = 'batch';

const SPEC: Form = {
  give: 'what resnetSpec gave, or the `network` of importEncoder',
  is: (spec) => RESNET.is(spec) || made<ImportedNetwork>('', { graph: GRAPH, parameters: record }).is(spec),
};

/**
 * The encoder for a batch (a number, or a name where it is known only when the graph runs).
 * @throws MocoError usage where the image is too small for a ResNet's strides
 */
export function buildNetwork(spec: NetworkSpec, batch: Dim, imageSize: number): Encoder {
  expectArgument('buildNetwork', 'spec', spec, SPEC);
  expectArgument('buildNetwork', 'batch', batch, BATCH_SIZE);
  expectArgument('buildNetwork', 'imageSize', imageSize, whole(1, 2 ** 16));
  if (!('graph' in spec)) return buildResNet(spec, batch, imageSize);
  const graph = batch === BATCH ? spec.graph : withBatch(spec.graph, batch);
  const shapes = inferShapes(graph);
  const length = (output: string) => {
    const node = graph.nodes.find(({ outputs }) => outputs.includes(output));
    return fixed(node!, shapes.get(output)?.[1]);
  };
  return {
    graph,
    parameters: spec.parameters,
    batchNorms: graph.nodes
      .filter(({ op }) => op === 'BatchNormalization')
      .map((node) => ({ name: node.name, channels: fixed(node, shapes.get(node.inputs[1]!)?.[0]) })),
    featureDim: length('features'),
    dim: length('embedding'),
  };
}

function withBatch(graph: Graph, batch: Dim): Graph {
  const replace = (shape: Shape) => shape.map((size) => (size === BATCH ? batch : size));
  return {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value, shape: replace(value.shape) })),
    outputs: graph.outputs.map((value) => ({ ...value, shape: replace(value.shape) })),
  };
}

/**
 * A network from its graph alone, as a checkpoint keeps it.
 * @throws MocoError model-invalid where it is not of the form that ImportedNetwork describes
 */
export function networkFromGraph(graph: Graph): ImportedNetwork {
  const [image, ...others] = graph.inputs;
  const isImage = image?.name === 'image' && image.shape.length === 4 && image.shape[0] === BATCH;
  const outputs = graph.outputs.map(({ name }) => name);
  if (!isImage || String(outputs) !== 'embedding,features') {
    throw new MocoError('model-invalid', 'the graph is no encoder with image, embedding and features');
  }
  const statistics = new Set(
    graph.nodes.filter(({ op }) => op === 'BatchNormalization').flatMap(({ inputs }) => inputs.slice(3)),
  );
  const parameters = others
    .filter(({ name }) => !statistics.has(name))
    .map(
      ({ name, shape }): Parameter => ({ name, shape: shape.map(Number), initialization: 'given', fanIn: 0 }),
    );
  return { graph, parameters };
}
