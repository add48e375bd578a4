import { expectOptions, type Forms, optional, whole } from '../arguments.ts';

/** More than any machine has processors that one run could use; each worker takes memory of its own. */
export const MOST_WORKERS = 256;
export const MOST_PREFETCH = 4096;

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
  workers: optional(whole(1, MOST_WORKERS)),
  dataWorkers: optional(whole(1, MOST_WORKERS)),
  prefetch: optional(whole(0, MOST_PREFETCH)),
};

/** Those of an object that holds more. */
export function workerCounts({ workers, dataWorkers, prefetch }: WorkerCounts): WorkerCounts {
  return { workers, dataWorkers, prefetch };
}

/** @throws MocoError usage */
export function requireWorkerCounts(counts: WorkerCounts): void {
  expectOptions('', workerCounts(counts), WORKER_COUNTS);
}
