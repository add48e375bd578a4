/** The worker scripts of pools. */
import type { WorkerScript } from '../runtime/worker.ts';

export const DATA_WORKER: WorkerScript = {
  name: 'data-worker.js',
  written: () => new Worker(new URL('./data-worker.js', import.meta.url), { type: 'module' }),
};

export const ENCODER_WORKER: WorkerScript = {
  name: 'encoder-worker.js',
  written: () => new Worker(new URL('./encoder-worker.js', import.meta.url), { type: 'module' }),
};
