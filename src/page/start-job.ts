/** One job of a page, done by a worker of its own. */

import { keepErrorCodes } from '../runtime/remote-errors.ts';
import type { WorkerScript } from '../runtime/worker.ts';
import { type Remote, WorkerClient } from '../scheduler/worker-client.ts';
import type { JobWorker } from './job-worker.ts';
import { inPieces, type Parcel } from './parcel.ts';

export type Job = WorkerClient<JobWorker>;

const JOB_WORKER: WorkerScript = {
  name: 'job-worker.js',
  written: () => new Worker(new URL('./job-worker.js', import.meta.url), { type: 'module' }),
};

/** The workers that it starts end with it. */
export function startJob(): Promise<Job> {
  keepErrorCodes();
  return WorkerClient.spawn<JobWorker>(JOB_WORKER);
}

/** Gives a worker what a job is about. The page has time for other things in between. */
export function packFor<Value>(worker: Job, value: Value): Promise<Parcel<Value>> {
  return inPieces(value, (...piece) => worker.call((remote) => remote.add(...piece)));
}

/** Asks a worker for one thing, once it has been given what that is about. */
export async function askedOf<Value, Result>(
  value: Value,
  task: (remote: Remote<JobWorker>, parcel: Parcel<Value>) => Promise<Result>,
): Promise<Result> {
  const worker = await startJob();
  try {
    const parcel = await packFor(worker, value);
    return await worker.call((remote) => task(remote, parcel));
  } finally {
    endSoon(worker);
  }
}

/**
 * Chromium (seen in 156) keeps a worker for ever that is ended while workers of its own are about to end, as they are when a
 * job is over: it is ended once they are gone. Nobody waits for that.
 */
export function endSoon(worker: Job): void {
  setTimeout(() => void worker.terminate(), 1000);
}
