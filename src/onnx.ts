/**
 * `moco-web/onnx`: ONNX models as data, and their gradients as ONNX models. Runs nothing, and needs no other part of the package.
 *
 * a file    differentiate → forward, backward, weights, manifest; auditModel: what would run, and train, on which provider
 * a graph   decodeModel → differentiateGraph → encodeModel: bytes that any ONNX runtime runs
 * networks  resnetSpec, buildResNet, buildNetwork
 */
export { type AuditedNode, type AuditReport, auditModel } from './autodiff/audit.ts';
export {
  type DifferentiateOptions as DifferentiateGraphOptions,
  differentiate as differentiateGraph,
  type Gradient,
} from './autodiff/differentiate.ts';
export {
  type DifferentiateModelOptions,
  differentiateModel as differentiate,
  type GradientManifest,
  type ModelGradient,
} from './autodiff/differentiate-model.ts';
export type { Convolution } from './autodiff/images.ts';
export type { KernelGradient } from './autodiff/kernel-gradient.ts';
export type { Provider } from './autodiff/lowering.ts';
export type { Verdict } from './autodiff/providers.ts';
export type { BatchStatistics } from './autodiff/rule.ts';
export type { Recompute } from './autodiff/saving.ts';
export { type ErrorCode, MocoError } from './errors.ts';
export type { Window as ConvolutionWindow } from './onnx/attributes.ts';
export type { Encoder as EncoderGraph, Initialization, Parameter } from './onnx/encoder-graph.ts';
export type { ExternalData } from './onnx/external-data.ts';
export type {
  Attribute,
  Attributes,
  Constant,
  Dim,
  ElementType,
  Graph,
  Node,
  Shape,
  Value,
} from './onnx/graph.ts';
export type { ImportOptions } from './onnx/import/import-options.ts';
export type { InputOptions } from './onnx/import/inputs.ts';
export type { Choice as WeightChoice } from './onnx/import/weights.ts';
export type { ModelLimits } from './onnx/limits.ts';
export { decodeModel, encodeModel } from './onnx/model.ts';
export {
  buildNetwork,
  type ImportedNetwork,
  type NetworkSpec,
} from './onnx/network.ts';
export { buildResNet, type ResNetSpec, resnetSpec } from './onnx/resnet.ts';
