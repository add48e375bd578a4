/** The speed of training steps in words: what `moco-web bench` prints. */
import { expectArgument, made, record, text } from '../arguments.ts';
import type { ViewCosts } from '../data/load/measure-views.ts';
import { isImported } from '../settings/owners.ts';
import type { PretrainConfig } from './configure.ts';
import type { StepMeasurement } from './measure.ts';

/** What was measured, and of what. */
export interface Bench {
  readonly config: PretrainConfig;
  readonly backend: string;
  /** Why it is that one, as `chooseBackend` says. */
  readonly reason: string;
  readonly measured: StepMeasurement;
  readonly augmentation: ViewCosts;
}

const BENCH = made<Bench>('{ config, backend, reason, measured, augmentation }', {
  config: record,
  backend: text(),
  reason: text(),
  measured: record,
  augmentation: record,
});

/** A few lines, without an end of the last. */
export function benchInWords(bench: Bench): string {
  expectArgument('benchInWords', 'bench', bench, BENCH);
  const { config, backend, reason, measured, augmentation } = bench;
  const { arch, imageSize, batchSize } = config;
  const gflops = (measured.imagesPerSecond * measured.flopsPerImage) / 1e9;
  const width = isImported(arch) ? '' : `, width ${config.width}`;
  const atOnce = measured.groupsAtOnce > 1 ? `, ${measured.groupsAtOnce} groups at once` : '';
  const phases = Object.entries(measured.seconds).sort(([, a], [, b]) => b - a);
  const total = phases.reduce((sum, [, seconds]) => sum + seconds, 0);
  const { images, decodeMicroseconds, viewMicroseconds } = augmentation;
  return [
    `${arch}${width}, ${imageSize} px, batch ${batchSize}${atOnce}`,
    `backend ${backend}: ${reason}`,
    `${measured.imagesPerSecond.toFixed(2)} images/s (${gflops.toFixed(1)} GFLOP/s)`,
    `${measured.imagesPerSecondWithAugmentation.toFixed(2)} images/s with augmentation`,
    ...phases.map(([what, seconds]) => {
      const share = ((100 * seconds) / total).toFixed(1);
      return `  ${what.padEnd(24)} ${seconds.toFixed(4).padStart(9)} s ${share.padStart(5)} %`;
    }),
    `a view: ${decodeMicroseconds.toFixed(0)} µs to decode, ${viewMicroseconds.toFixed(1)} µs to augment (${images})`,
  ].join('\n');
}
