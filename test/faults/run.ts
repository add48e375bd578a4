/** A small run on drawn images, and what is told of faults at the end. */
import { describeDrawn } from '../../src/data/dataset.ts';
import type { ConfigOverrides } from '../../src/settings/settings.ts';
import { type PretrainConfig, resolveConfig } from '../../src/train/configure.ts';
import type { PretrainEvent } from '../../src/train/events.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';
import { WORKERS_ON } from '../backend.ts';

/** 20 images in batches of 8: two steps an epoch. */
export const data = await describeDrawn(20, 5, 8, 3);
export const ON_WORKERS = { backend: WORKERS_ON, adapter: null, reason: 'asked for' } as const;
export const SMALL = { width: 1, dim: 4, imageSize: 8, batchSize: 8, groups: 2, queueSize: 12, seed: 5 };

export function configure(overrides: ConfigOverrides = {}, images = data.trainLength): PretrainConfig {
  return resolveConfig('moco-cifar', { ...SMALL, epochs: 2, ...overrides }, { images });
}

export interface Outcome {
  readonly events: PretrainEvent[];
  readonly error: unknown;
}

/** Runs to the end, or to the error. */
export async function run(
  options: Partial<PretrainOptions> = {},
  seen: (event: PretrainEvent) => void = () => {},
): Promise<Outcome> {
  const events: PretrainEvent[] = [];
  try {
    const all = { config: configure(), data, backend: ON_WORKERS, workers: 2, ...options };
    for await (const event of pretrain(all)) {
      events.push(event);
      seen(event);
    }
    return { events, error: null };
  } catch (error) {
    return { events, error };
  }
}

/** Every digit that a run tells, but for its speed. */
export const numbersOf = ({ events }: Outcome) =>
  events
    .filter(({ type }) => type === 'step' || type === 'knn')
    .map((event) => ({ ...event, imagesPerSecond: 0, secondsLeft: 0 }));

export const noticesOf = ({ events }: Outcome) =>
  events.flatMap((event) => (event.type === 'notice' && !event.about ? [event.message] : []));
