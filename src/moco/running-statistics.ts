/** BatchNorm's running statistics, one encoder's: plain arrays that the trainer owns. */
import { MocoError } from '../errors.ts';

/** torch.nn.BatchNorm2d's default. */
const MOMENTUM = 0.1;

export interface BatchNormLayer {
  /** e.g. `layer1.0.bn1` */
  readonly name: string;
  readonly channels: number;
  /** H·W of its activation: a group of n images has n·H·W elements a channel. */
  readonly elementsPerImage: number;
}

export class RunningStatistics {
  readonly layers: readonly BatchNormLayer[];
  /** For each layer [channels]. */
  readonly means: Float32Array[];
  readonly variances: Float32Array[];
  /** num_batches_tracked of torch.nn.BatchNorm2d; the split BatchNorm of several groups does not advance it. */
  batchesTracked = 0;

  /** Starts at mean 0 and variance 1. */
  constructor(layers: readonly BatchNormLayer[]) {
    this.layers = layers;
    this.means = layers.map(({ channels }) => new Float32Array(channels));
    this.variances = layers.map(({ channels }) => new Float32Array(channels).fill(1));
  }

  /** Goes on from saved values, copied. */
  static from(
    layers: readonly BatchNormLayer[],
    saved: {
      readonly means: readonly Float32Array[];
      readonly variances: readonly Float32Array[];
      readonly batchesTracked: number;
    },
  ): RunningStatistics {
    const statistics = new RunningStatistics(layers);
    for (const [i, values] of saved.means.entries()) statistics.means[i]!.set(values);
    for (const [i, values] of saved.variances.entries()) statistics.variances[i]!.set(values);
    statistics.batchesTracked = saved.batchesTracked;
    return statistics;
  }

  /**
   * Takes one batch in: r ← mean over the groups of 0.9·r + 0.1·s, where s is a group's mean, or its unbiased variance
   * (SplitBatchNorm of the reference's CIFAR notebook; one group: torch.nn.BatchNorm2d).
   * @param groups for each group, for each layer: mean [channels], then biased variance [channels]
   * @param groupSize images of one group
   */
  update(groups: readonly (readonly Float32Array[])[], groupSize: number): void {
    this.layers.forEach(({ name, channels, elementsPerImage }, layer) => {
      const count = groupSize * elementsPerImage;
      if (count < 2) {
        throw new MocoError(
          'shape-mismatch',
          `${name}: BatchNorm over one value has no variance: raise the group size`,
        );
      }
      const unbias = count / (count - 1);
      const mean = this.means[layer]!;
      const variance = this.variances[layer]!;
      for (let c = 0; c < channels; c++) {
        let meanSum = 0;
        let varianceSum = 0;
        for (const statistics of groups) {
          meanSum += statistics[2 * layer]![c]!;
          varianceSum += statistics[2 * layer + 1]![c]! * unbias;
        }
        mean[c] = (1 - MOMENTUM) * mean[c]! + (MOMENTUM * meanSum) / groups.length;
        variance[c] = (1 - MOMENTUM) * variance[c]! + (MOMENTUM * varianceSum) / groups.length;
      }
    });
    if (groups.length === 1) this.batchesTracked++;
  }

  /** The statistics as named values, e.g. `bn1.running_mean`. */
  *named(): Generator<[string, Float32Array]> {
    for (const [layer, { name }] of this.layers.entries()) {
      yield [`${name}.running_mean`, this.means[layer]!];
      yield [`${name}.running_var`, this.variances[layer]!];
    }
  }
}
