/** The worker that does a job of a page, as start-job.ts loads it. */
import { transfer } from 'comlink';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import type { WorkerScript } from '../runtime/worker.ts';
import { WorkerClient } from '../scheduler/worker-client.ts';
import type { PostableImage } from '../search/image-input.ts';
import type { JobWorker } from './job-worker.ts';
import { inPieces, type Parcel } from './parcel.ts';

export type Job = WorkerClient<JobWorker>;

const JOB_WORKER: WorkerScript = {
  name: 'job-worker.js',
  written: () => new Worker(new URL('./job-worker.js', import.meta.url), { type: 'module' }),
};

export function spawnJob(): Promise<Job> {
  keepErrorCodes();
  return WorkerClient.spawn<JobWorker>(JOB_WORKER);
}

export function pack<Value>(worker: Job, value: Value): Promise<Parcel<Value>> {
  return inPieces(value, (...piece) => worker.call((remote) => remote.add(...piece)));
}

/** Bitmaps are ours to give away; of what the caller has, copies go, without what else is in their memory. */
export function handedOver(images: readonly PostableImage[]): PostableImage[] {
  const moved: Transferable[] = [];
  const own = images.map((image): PostableImage => {
    if (image.kind === 'bytes') {
      const bytes = image.bytes.slice();
      moved.push(bytes.buffer);
      return { ...image, bytes };
    }
    if (image.kind === 'pixels') {
      const data = image.pixels.data.slice();
      moved.push(data.buffer);
      return { ...image, pixels: { ...image.pixels, data } };
    }
    if (image.kind === 'bitmap') moved.push(image.bitmap);
    return image;
  });
  return transfer(own, moved);
}
