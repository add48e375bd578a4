/** An encoder's graph, whatever it comes from: one of the built-in ResNets, or a model that was exported to ONNX. */
import { expectArgument, type Form, made, record, whole } from '../arguments.ts';
import { movingBatchNorms } from './batch-norms.ts';
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
  /** Names of the graph's constants that belong to the model's state: masks, statistics of frozen BatchNorms. */
  readonly buffers?: readonly string[];
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
    batchNorms: movingBatchNorms(graph).map((node) => ({
      name: node.name,
      channels: fixed(node, shapes.get(node.inputs[1]!)?.[0]),
    })),
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
