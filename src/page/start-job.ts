/** One job of a page, done by a worker of its own. What speaks with workers is loaded with the first: a page begins without it. */

import type { Remote } from '../scheduler/worker-client.ts';
import type { PostableImage } from '../search/image-input.ts';
import type { Job } from './job-client.ts';
import type { JobWorker } from './job-worker.ts';
import type { Parcel } from './parcel.ts';

export type { Job };

const client = () => import('./job-client.ts');

/** The workers that it starts end with it. */
export async function startJob(): Promise<Job> {
  return (await client()).spawnJob();
}

/** Gives a worker what a job is about. The page has time for other things in between. */
export async function packFor<Value>(worker: Job, value: Value): Promise<Parcel<Value>> {
  return (await client()).pack(worker, value);
}

/** Rows of images, which change hands where they are nobody else's. */
export async function embedBy(worker: Job, images: readonly PostableImage[]): Promise<Float32Array[]> {
  const { handedOver } = await client();
  return worker.call((remote) => remote.embed(handedOver(images)));
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
