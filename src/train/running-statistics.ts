/** BatchNorm's running statistics, one encoder's. */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { BatchNormLayer } from '../models/layout.ts';
import type { TrainState } from './state.ts';

/** torch.nn.BatchNorm2d's default. */
const MOMENTUM = 0.1;

export class RunningStatistics {
  readonly #kernels: Kernels;
  readonly #layers: readonly BatchNormLayer[];
  readonly #state: TrainState;
  readonly #encoder: string;

  /** @param state holds `<encoder>.<layer>.running_mean`, `.running_var` and `.num_batches_tracked` of each layer */
  constructor(kernels: Kernels, layers: readonly BatchNormLayer[], state: TrainState, encoder: string) {
    this.#kernels = kernels;
    this.#layers = layers;
    this.#state = state;
    this.#encoder = encoder;
  }

  /** Of the sums that `update` takes: for each layer in graph order mean [channels] and variance [channels]. */
  get lengths(): readonly number[] {
    return this.#layers.flatMap(({ channels }) => [channels, channels]);
  }

  /**
   * Takes one batch in, from the sums over its groups of their means and biased variances: r ← mean over the groups of
   * 0.9·r + 0.1·s, where s is a group's mean, or its unbiased variance (SplitBatchNorm of the reference's CIFAR notebook;
   * one group: torch.nn.BatchNorm2d). While the gate is closed, only num_batches_tracked changes: it counts batches of one
   * group, as split BatchNorm does not advance it.
   * @param groupSize images of one group
   */
  update(sums: readonly DeviceArray[], groups: number, groupSize: number, gate: DeviceArray): void {
    const scales = this.#layers.flatMap(({ name, elementsPerImage }) => {
      const count = groupSize * elementsPerImage;
      if (count < 2) {
        throw new MocoError(
          'shape-mismatch',
          `${name}: BatchNorm over one value has no variance: raise the group size`,
        );
      }
      return [MOMENTUM / groups, (MOMENTUM / groups) * (count / (count - 1))];
    });
    const running = this.#names().map((name) => this.#state.tensor(`${this.#encoder}.${name}`));
    this.#kernels.ema({ targets: running, sources: sums, keep: 1 - MOMENTUM, scale: scales, gate });
    if (groups > 1) return;
    for (const { name } of this.#layers) {
      const tracked = `${this.#encoder}.${name}.num_batches_tracked`;
      this.#state.setCounter(tracked, this.#state.counter(tracked) + 1);
    }
  }

  /** A copy as named values, e.g. `bn1.running_mean`, after everything issued so far. */
  async named(): Promise<Map<string, Float32Array>> {
    const values = this.#names().map(async (name): Promise<[string, Float32Array]> => {
      return [name, await this.#kernels.read(this.#state.tensor(`${this.#encoder}.${name}`))];
    });
    return new Map(await Promise.all(values));
  }

  #names(): string[] {
    return this.#layers.flatMap(({ name }) => [`${name}.running_mean`, `${name}.running_var`]);
  }
}
