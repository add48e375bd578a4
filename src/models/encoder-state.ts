/** What training changes of one encoder, as a part of a checkpoint. */
import type { CounterSpec, StateSpec, TensorSpec } from '../checkpoint/state-spec.ts';
import { type GivenValues, initialParameter, initialStatistic } from './initial-values.ts';
import type { EncoderLayout } from './layout.ts';

export interface EncoderBeginning {
  readonly seed: number;
  /** Of an imported model. */
  readonly given?: GivenValues | undefined;
  /** Another encoder, which it is a copy of. */
  readonly startsAs?: string | undefined;
}

/** Parameters, running statistics and buffers under `<prefix>.`, with the names that torch.nn.Module gives them. */
export function encoderState(
  prefix: string,
  { parameters, layers, buffers }: EncoderLayout,
  { seed, given, startsAs }: EncoderBeginning,
): StateSpec {
  const tensor = (name: string, shape: readonly number[], values: () => Float32Array): TensorSpec => ({
    name: `${prefix}.${name}`,
    shape,
    initial: startsAs === undefined ? values : `${startsAs}.${name}`,
  });
  return {
    tensors: [
      ...parameters.map((parameter, i) =>
        tensor(parameter.name, parameter.shape, () => initialParameter(parameter, i, seed, given)),
      ),
      ...layers.flatMap(({ name, channels }) =>
        ['running_mean', 'running_var'].map((part) =>
          tensor(`${name}.${part}`, [channels], () => initialStatistic(`${name}.${part}`, channels, given)),
        ),
      ),
      ...buffers.map(({ name, shape, values }) => tensor(name, shape, () => values.slice())),
    ],
    counters: layers.map(
      ({ name }): CounterSpec => ({ name: `${prefix}.${name}.num_batches_tracked`, initial: 0 }),
    ),
  };
}
