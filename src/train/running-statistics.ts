/** BatchNorm's running statistics, one encoder's, in kernel memory that the trainer owns. */
import { MocoError } from '../errors.ts';
import type { DeviceArray, Kernels } from '../kernels/kernels.ts';

/** torch.nn.BatchNorm2d's default. */
const MOMENTUM = 0.1;

export interface BatchNormLayer {
  /** e.g. `layer1.0.bn1` */
  readonly name: string;
  readonly channels: number;
  /** H·W of its activation: a group of n images has n·H·W elements a channel. */
  readonly elementsPerImage: number;
}

/** The statistics as plain arrays. */
export interface SavedStatistics {
  /** For each layer [channels]. */
  readonly means: readonly Float32Array[];
  readonly variances: readonly Float32Array[];
  /** num_batches_tracked of torch.nn.BatchNorm2d; the split BatchNorm of several groups does not advance it. */
  readonly batchesTracked: number;
}

export class RunningStatistics {
  readonly #kernels: Kernels;
  readonly #layers: readonly BatchNormLayer[];
  /** For each layer in graph order: mean [channels], then variance [channels]. */
  readonly #running: readonly DeviceArray[];
  /** Sums over the groups of a batch, in the same order: mean, and biased variance. The caller fills them in. */
  readonly sums: readonly DeviceArray[];
  batchesTracked: number;

  /** Goes on from saved values, which are copied; by default from mean 0 and variance 1. */
  constructor(kernels: Kernels, layers: readonly BatchNormLayer[], saved?: SavedStatistics) {
    this.#kernels = kernels;
    this.#layers = layers;
    this.batchesTracked = saved?.batchesTracked ?? 0;
    const perLayer = () =>
      layers.flatMap(({ channels }) => [channels, channels]).map((n) => kernels.allocate(n));
    this.#running = perLayer();
    this.sums = perLayer();
    layers.forEach(({ channels }, layer) => {
      const mean = saved?.means[layer];
      if (mean) kernels.write(this.#running[2 * layer]!, mean);
      const variance = saved?.variances[layer] ?? new Float32Array(channels).fill(1);
      kernels.write(this.#running[2 * layer + 1]!, variance);
    });
  }

  /**
   * Takes one batch in, from the sums over its groups: r ← mean over the groups of 0.9·r + 0.1·s, where s is a group's
   * mean, or its unbiased variance (SplitBatchNorm of the reference's CIFAR notebook; one group: torch.nn.BatchNorm2d).
   * Nothing changes while the gate is closed, but for `batchesTracked`.
   * @param groupSize images of one group
   */
  update(groups: number, groupSize: number, gate: DeviceArray): void {
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
    this.#kernels.updateRunning(this.#running, this.sums, 1 - MOMENTUM, scales, gate);
    if (groups === 1) this.batchesTracked++;
  }

  /** A copy, after everything issued so far. */
  async read(): Promise<SavedStatistics> {
    const { batchesTracked } = this;
    const values = await Promise.all(this.#running.map((array) => this.#kernels.read(array)));
    return {
      means: values.filter((_, i) => i % 2 === 0),
      variances: values.filter((_, i) => i % 2 === 1),
      batchesTracked,
    };
  }

  /** A copy as named values, e.g. `bn1.running_mean`. */
  async named(): Promise<Map<string, Float32Array>> {
    const { means, variances } = await this.read();
    return new Map(
      this.#layers.flatMap(({ name }, layer): [string, Float32Array][] => [
        [`${name}.running_mean`, means[layer]!],
        [`${name}.running_var`, variances[layer]!],
      ]),
    );
  }

  dispose(): void {
    for (const array of [...this.#running, ...this.sums]) this.#kernels.free(array);
  }
}
