/** How long a run is. */
import type { Settings } from './settings.ts';

/** Whole steps of an epoch: the last incomplete batch is dropped. */
export function stepsPerEpoch(images: number, batchSize: number): number {
  return Math.floor(images / batchSize);
}

/** How many steps a run takes in all, given the steps of an epoch. */
export function totalSteps(config: Pick<Settings, 'steps' | 'epochs'>, perEpoch: number): number {
  return Math.min(config.steps ?? Number.POSITIVE_INFINITY, config.epochs * perEpoch);
}
