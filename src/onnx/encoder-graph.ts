/** What an encoder's graph is, whoever builds it. */
import type { Graph } from './graph.ts';

/**
 * How a parameter is first drawn (models/initial-values.ts). `given`: the model brings its values. Of a layer with weights,
 * `fanIn` inputs make one output.
 */
export type Initialization = 'kaiming-fan-out' | 'linear-weight' | 'linear-bias' | 'ones' | 'zeros' | 'given';

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initialization: Initialization;
  /** Inputs of one output unit: what PyTorch's default for linear layers is scaled with. */
  readonly fanIn: number;
}

/** An encoder: its graph has the input `image`, the parameters and the running statistics as further inputs. */
export interface Encoder {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
  /** The BatchNorm layers in graph order; the name is the prefix of their parameters, e.g. `layer1.0.bn1`. */
  readonly batchNorms: readonly { readonly name: string; readonly channels: number }[];
  /** Length of the backbone's features, the graph's second output. */
  readonly featureDim: number;
  readonly dim: number;
}
