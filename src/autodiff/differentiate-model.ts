/** The gradient of a model file: what `differentiate` of the public API and of the command line do. */
import { bytesOf, either, expectOptions, type Forms, listOf, oneOf, optional, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { Constant, Graph, Shape, Value } from '../onnx/graph.ts';
import { importModel } from '../onnx/import/import-model.ts';
import { IMPORT_OPTIONS, type ImportOptions } from '../onnx/import/import-options.ts';
import { differentiate } from './differentiate.ts';
import { PROVIDERS, type Provider } from './lowering.ts';
import { gradientPath } from './paths.ts';
import type { BatchStatistics } from './rule.ts';

export interface DifferentiateModelOptions extends ImportOptions {
  /** Names of weights, or of the image, whose gradients are wanted; `all`, the default: every weight. */
  readonly wrt?: 'all' | readonly string[];
  /** For which provider of onnxruntime-web the graphs are written; `wasm` by default. */
  readonly provider?: Provider;
  /** Whether BatchNormalization uses the batch's statistics (the default) or the running ones. */
  readonly batchNorm?: 'train' | 'eval';
  /** How much the backward graph computes again instead of taking it from the forward graph; `cheap` by default. */
  readonly recompute?: 'least' | 'cheap';
}

const OPTIONS: Forms<DifferentiateModelOptions> = {
  ...IMPORT_OPTIONS,
  wrt: optional(either(oneOf(['all']), listOf(text(), 'names'))),
  provider: optional(oneOf(PROVIDERS)),
  batchNorm: optional(oneOf(['train', 'eval'])),
  recompute: optional(oneOf(['least', 'cheap'])),
};

/** gradient.json: how the two graphs are fed. */
export interface GradientManifest {
  /** Inputs of the model, such as the image. */
  readonly inputs: readonly string[];
  /** Weights, which are inputs of both graphs under these names. */
  readonly weights: readonly { readonly name: string; readonly shape: Shape }[];
  /** Outputs of the model. */
  readonly outputs: readonly string[];
  /** Activations: outputs of forward and inputs of backward under one name. */
  readonly saved: readonly { readonly name: string; readonly shape: Shape }[];
  /** Output of the model → the input of backward that takes its gradient. */
  readonly outputGradients: Readonly<Record<string, string>>;
  /** All inputs of backward: weights, saved activations, some of the model's inputs, gradients of outputs. */
  readonly backwardInputs: readonly string[];
  /** Weight → the output of backward that is its gradient. */
  readonly gradients: Readonly<Record<string, string>>;
  /** BatchNormalization layers with the outputs of forward that are their batch mean and (biased) variance, [channels] each. */
  readonly statistics: readonly Pick<BatchStatistics, 'name' | 'channels' | 'mean' | 'variance'>[];
}

export interface ModelGradient {
  /** The model's inputs and weights → its outputs, saved activations, batch statistics. */
  readonly forward: Graph;
  /** Weights, saved activations and gradients of outputs → gradients. */
  readonly backward: Graph;
  /** The model's own values of the weights. */
  readonly weights: ReadonlyMap<string, Constant>;
  readonly manifest: GradientManifest;
  /** What was changed or left out of the model, in words. */
  readonly notes: readonly string[];
}

/**
 * The gradient of an exported model as ONNX graphs, which any ONNX runtime runs (`encodeModel` makes files of them).
 * @param model the bytes of an .onnx file (torch.onnx, opset 7–23)
 * @throws MocoError model-invalid, operator-unsupported (names the node, and the path it blocks), usage (a name in `wrt`
 * does not exist or has no influence), shape-mismatch
 */
export function differentiateModel(
  model: ArrayBuffer | Uint8Array,
  options: DifferentiateModelOptions = {},
): ModelGradient {
  const bytes = bytesOf('differentiate', 'model', model);
  expectOptions('differentiate', options, OPTIONS);
  const { wrt: wanted = 'all', provider = 'wasm', batchNorm = 'train', recompute = 'cheap' } = options;
  const { graph, input, weights: trained, statistics, notes } = importModel(bytes, options);
  const outputs = graph.outputs.map(({ name }) => name);
  const wrt = wanted === 'all' ? [...trained.keys()] : wanted;
  if (wrt.length === 0) throw new MocoError('usage', `model ${graph.name} has no weights to be trained`);
  const { values } = gradientPath(graph, wrt, outputs);
  const differentiable = outputs.filter((name) => values.has(name));
  const gradient = differentiate(graph, { wrt, outputs: differentiable, provider, batchNorm, recompute });
  // Running statistics are read where BatchNormalization uses them, and never trained.
  const weights = batchNorm === 'eval' ? new Map([...trained, ...statistics]) : trained;
  const weightInputs = graph.inputs.filter(({ name }) => weights.has(name));
  const forward = withInputs(gradient.forward, weightInputs);
  const backward = withInputs(gradient.backward, weightInputs);
  const manifest: GradientManifest = {
    inputs: [input.name],
    weights: weightInputs.map(({ name, shape }) => ({ name, shape })),
    outputs,
    saved: gradient.saved.map(({ name, shape }) => ({ name, shape })),
    outputGradients: Object.fromEntries(gradient.outputGradients),
    backwardInputs: backward.inputs.map(({ name }) => name),
    gradients: Object.fromEntries(gradient.gradients),
    statistics: gradient.statistics.map(({ name, channels, mean, variance }) => ({
      name,
      channels,
      mean,
      variance,
    })),
  };
  return { forward, backward, weights, manifest, notes };
}

/** Also lists inputs that no node reads, so that both graphs are fed alike. */
function withInputs(graph: Graph, values: readonly Value[]): Graph {
  const known = new Set(graph.inputs.map(({ name }) => name));
  return { ...graph, inputs: [...graph.inputs, ...values.filter(({ name }) => !known.has(name))] };
}
