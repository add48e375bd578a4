/** What training by a method and an optimizer changes. */
import type { StateSpec } from '../checkpoint/state-spec.ts';
import type { Method } from '../methods/method.ts';
import { encoderState } from '../models/encoder-state.ts';
import type { GivenValues } from '../models/initial-values.ts';
import type { EncoderLayout } from '../models/layout.ts';
import { count } from '../onnx/dims.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Settings } from '../settings/settings.ts';

/** The counter of the steps that the optimizer has taken. */
export const UPDATES = 'updates';

/** Each encoder's tensors, `<slot>.<parameter>` of the optimizer for the encoder that learns, and what the method keeps. */
export function stateOf(
  method: Method,
  optimizer: Optimizer,
  layout: EncoderLayout,
  settings: Settings,
  given?: GivenValues,
): StateSpec {
  const { seed } = settings;
  const encoders = method.encoders.map(({ name, startsAs }) =>
    encoderState(name, layout, { seed, given, startsAs }),
  );
  const slots = optimizer.slots.flatMap((slot) =>
    layout.parameters.map(({ name, shape }) => ({
      name: `${slot}.${name}`,
      shape,
      initial: () => new Float32Array(count(shape)),
    })),
  );
  const kept = method.state(settings);
  return {
    tensors: [...encoders.flatMap(({ tensors }) => tensors), ...slots, ...kept.tensors],
    counters: [
      ...encoders.flatMap(({ counters }) => counters),
      ...kept.counters,
      { name: UPDATES, initial: 0 },
    ],
  };
}
