/** What training changes, by the names it has in a checkpoint. */

import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { Parameter } from '../onnx/encoder-graph.ts';
import type { BatchNormLayer } from './running-statistics.ts';

/** The values of one encoder: parameters in graph order, and what its BatchNorm layers have gathered. */
export interface EncoderState {
  readonly parameters: readonly Float32Array[];
  readonly means: readonly Float32Array[];
  readonly variances: readonly Float32Array[];
  readonly batchesTracked: number;
}

export interface TrainerState {
  readonly query: EncoderState;
  readonly key: EncoderState;
  /** SGD's momentum buffers, in the order of the parameters. */
  readonly momentum: readonly Float32Array[];
  /** [K, C] */
  readonly queue: Float32Array;
  readonly queuePointer: number;
}

export interface StateLayout {
  readonly parameters: readonly Parameter[];
  readonly layers: readonly BatchNormLayer[];
  readonly queueSize: number;
  readonly dim: number;
}

/** The tensors of a checkpoint: encoder_q.*, encoder_k.*, momentum.*, queue. */
export function toTensors(state: TrainerState, layout: StateLayout): Map<string, NamedTensor> {
  const tensors = new Map<string, NamedTensor>();
  const put = (name: string, shape: readonly number[], data: Float32Array) =>
    tensors.set(name, { dtype: 'F32', shape, data });
  for (const [prefix, encoder] of [
    ['encoder_q', state.query],
    ['encoder_k', state.key],
  ] as const) {
    for (const [i, { name, shape }] of layout.parameters.entries()) {
      put(`${prefix}.${name}`, shape, encoder.parameters[i]!);
    }
    for (const [i, { name, channels }] of layout.layers.entries()) {
      put(`${prefix}.${name}.running_mean`, [channels], encoder.means[i]!);
      put(`${prefix}.${name}.running_var`, [channels], encoder.variances[i]!);
      const tracked = BigInt64Array.of(BigInt(encoder.batchesTracked));
      tensors.set(`${prefix}.${name}.num_batches_tracked`, { dtype: 'I64', shape: [1], data: tracked });
    }
  }
  for (const [i, { name, shape }] of layout.parameters.entries())
    put(`momentum.${name}`, shape, state.momentum[i]!);
  put('queue', [layout.queueSize, layout.dim], state.queue);
  return tensors;
}

/** @throws MocoError checkpoint-invalid where a tensor is missing or has another shape than the network's */
export function fromTensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  layout: StateLayout,
  queuePointer: number,
): TrainerState {
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== 'F32' || String(tensor.shape) !== String(shape)) {
      const found = tensor ? `${tensor.dtype} [${tensor.shape}]` : 'nothing';
      throw new MocoError(
        'checkpoint-invalid',
        `tensor ${name} should be F32 [${shape}], the checkpoint has ${found}`,
      );
    }
    return tensor.data;
  };
  const encoder = (prefix: string): EncoderState => {
    const tracked = tensors.get(`${prefix}.${layout.layers[0]?.name}.num_batches_tracked`);
    return {
      parameters: layout.parameters.map(({ name, shape }) => take(`${prefix}.${name}`, shape)),
      means: layout.layers.map(({ name, channels }) => take(`${prefix}.${name}.running_mean`, [channels])),
      variances: layout.layers.map(({ name, channels }) => take(`${prefix}.${name}.running_var`, [channels])),
      batchesTracked: Number(tracked?.data[0] ?? 0),
    };
  };
  return {
    query: encoder('encoder_q'),
    key: encoder('encoder_k'),
    momentum: layout.parameters.map(({ name, shape }) => take(`momentum.${name}`, shape)),
    queue: take('queue', [layout.queueSize, layout.dim]),
    queuePointer,
  };
}
