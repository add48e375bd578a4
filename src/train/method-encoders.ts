/** The encoders of a method: where their parameters and running statistics are in the state. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { EncoderRole } from '../methods/method.ts';
import type { EncoderLayout } from '../models/layout.ts';
import { RunningStatistics } from './running-statistics.ts';
import type { TrainState } from './state.ts';

/** Names of an encoder's parameters in the state, in the order of the network. */
export function parameterNames({ parameters }: EncoderLayout, encoder: string): string[] {
  return parameters.map(({ name }) => `${encoder}.${name}`);
}

export class MethodEncoders {
  readonly #kernels: Kernels;
  readonly #layout: EncoderLayout;
  readonly #parameters = new Map<string, readonly DeviceArray[]>();
  readonly #statistics = new Map<string, RunningStatistics>();
  readonly names: readonly string[];
  /** The one that the optimizer changes, and that embeds. */
  readonly learner: string;

  constructor(kernels: Kernels, roles: readonly EncoderRole[], layout: EncoderLayout, state: TrainState) {
    this.#kernels = kernels;
    this.#layout = layout;
    this.names = roles.map(({ name }) => name);
    this.learner = roles.find(({ learns }) => learns)!.name;
    for (const name of this.names) {
      this.#parameters.set(
        name,
        parameterNames(layout, name).map((tensor) => state.tensor(tensor)),
      );
      this.#statistics.set(name, new RunningStatistics(kernels, layout.layers, state, name));
    }
  }

  parameters(encoder: string): readonly DeviceArray[] {
    return this.#parameters.get(encoder)!;
  }

  statistics(encoder: string): RunningStatistics {
    return this.#statistics.get(encoder)!;
  }

  /** A copy of what the learner has learned, by the network's names, after everything issued so far. */
  async learned(): Promise<Map<string, Float32Array>> {
    const reads = this.parameters(this.learner).map((array) => this.#kernels.read(array));
    // All at once: on a GPU each by itself would be a round trip.
    const [values, parameters] = await Promise.all([
      this.statistics(this.learner).named(),
      Promise.all(reads),
    ]);
    for (const [i, { name }] of this.#layout.parameters.entries()) values.set(name, parameters[i]!);
    return values;
  }
}
