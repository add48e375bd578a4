import { Random, STREAMS } from '../random.ts';
import type { Settings } from '../settings/settings.ts';

/** The permutations of the batch that a step may ask for, by number: keyed by (seed, step, number). */
export function permutationsOf(
  { seed, batchSize }: Pick<Settings, 'seed' | 'batchSize'>,
  step: number,
): (number: number) => Uint32Array {
  return (number) =>
    new Random({ seed, stream: STREAMS.shuffle, image: step, epoch: number }).permutation(batchSize);
}
