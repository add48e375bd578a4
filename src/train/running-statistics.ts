/** BatchNorm's running statistics, one encoder's. */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { BatchNormLayer } from '../models/layout.ts';
import type { TrainState } from './state.ts';

const PARTS = ['running_mean', 'running_var'] as const;

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
   * (1 − m)·r + m·s, where s is a group's mean, or its unbiased variance, and m the layer's momentum (SplitBatchNorm of the reference's CIFAR notebook;
   * one group: torch.nn.BatchNorm2d). While the gate is closed, only num_batches_tracked changes: it counts batches of one
   * group, as split BatchNorm does not advance it.
   * @param groupSize images of one group
   */
  update(sums: readonly DeviceArray[], groups: number, groupSize: number, gate: DeviceArray): void {
    // One call for all layers of a momentum: mostly there is but one.
    for (const momentum of new Set(this.#layers.map((layer) => layer.momentum))) {
      const scales: number[] = [];
      const [targets, sources]: [DeviceArray[], DeviceArray[]] = [[], []];
      for (const [i, layer] of this.#layers.entries()) {
        if (layer.momentum !== momentum) continue;
        const { name, elementsPerImage } = layer;
        const count = groupSize * elementsPerImage;
        if (count < 2) {
          throw new MocoError(
            'shape-mismatch',
            `${name}: BatchNorm over one value has no variance: raise the group size`,
          );
        }
        scales.push(momentum / groups, (momentum / groups) * (count / (count - 1)));
        for (const [part, at] of PARTS.map((part, at) => [part, 2 * i + at] as const)) {
          targets.push(this.#state.tensor(`${this.#encoder}.${name}.${part}`));
          sources.push(sums[at]!);
        }
      }
      this.#kernels.ema({ targets, sources, keep: 1 - momentum, scale: scales, gate });
    }
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
    return this.#layers.flatMap(({ name }) => PARTS.map((part) => `${name}.${part}`));
  }
}
