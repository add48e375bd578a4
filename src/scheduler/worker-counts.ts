import { type Forms, optional, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';

/** How the work is spread; changes no number. */
export interface WorkerCounts {
  /**
   * By default as many as there are cores. wasm: encoder workers, never more than groups. webgpu: one more than data
   * workers.
   */
  workers?: number | undefined;
  /** Workers that decode and augment; by default on wasm half as many as encoders, on webgpu one fewer than `workers`. */
  dataWorkers?: number | undefined;
  /** Groups whose images are made while others are encoded; by default on wasm one an encoder, on webgpu one a data worker. */
  prefetch?: number | undefined;
}

export const WORKER_COUNTS: Forms<WorkerCounts> = {
  workers: optional(whole(1)),
  dataWorkers: optional(whole(1)),
  prefetch: optional(whole(0)),
};

/** Those of an object that holds more. */
export function workerCounts({ workers, dataWorkers, prefetch }: WorkerCounts): WorkerCounts {
  return { workers, dataWorkers, prefetch };
}

/** @throws MocoError usage */
export function requireWorkerCounts({ workers, dataWorkers, prefetch }: WorkerCounts): void {
  const least = { workers: [workers, 1], dataWorkers: [dataWorkers, 1], prefetch: [prefetch, 0] } as const;
  for (const [name, [given, minimum]] of Object.entries(least)) {
    if (given === undefined || (Number.isSafeInteger(given) && given >= minimum)) continue;
    throw new MocoError('usage', `${name} is ${given}: give a whole number, ${minimum} or more`);
  }
}
