/**
 * The long jobs of the library, as everybody calls them. On a page's own thread each runs aside: a worker does all of it,
 * kernels included, and the page only asks for what comes next. Elsewhere they run where they are called, and are loaded then: a page
 * never needs that part here.
 */
import { aboveZero, expectArgument, expectOptions, whole } from '../arguments.ts';
import { withQueryOnly } from '../checkpoint/contents.ts';
import { ENCODER_JOB, type EncoderJob } from '../evaluate/encoder-job.ts';
import type { EmbeddingRow, KnnOutcome } from '../evaluate/evaluate-checkpoint.ts';
import { KNN } from '../evaluate/knn-defaults.ts';
import type { LinearEvent } from '../evaluate/linear.ts';
import { LINEAR_JOB, type LinearJob } from '../evaluate/linear-job.ts';
import { isPageThread } from '../runtime/detect.ts';
import type { Remote } from '../scheduler/worker-client.ts';
import type { PretrainEvent } from '../train/events.ts';
import { PRETRAIN_OPTIONS, type PretrainOptions } from '../train/pretrain-options.ts';
import type { JobWorker } from './job-worker.ts';
import { askedOf, endSoon, type Job, packFor, startJob } from './start-job.ts';

/**
 * Pre-trains an encoder and tells of it as it goes. Nothing happens until the events are read; leaving the loop early
 * ends the workers, and saves nothing more. On a page's own thread all of it happens in workers, to which the options are
 * posted: they have to be plain data. The tensors of `resume` are copied to them piece by piece, and stay as they are.
 * @throws MocoError usage (the configuration does not fit the data, a number is out of range, the run directory is in use, holds another run
 * or cannot be written to), config-mismatch (other images than those of `resume`), backend-unavailable, image-corrupt (no image of the
 * data can be decoded), write-failed (earlier checkpoints stay), device-lost (four devices in turn without a step),
 * out-of-memory (everything that can be is computed again; says which groups would fit); and, once a checkpoint of the
 * state before the step is written, loss-not-finite, worker-died (three workers in turn died of one task; without a
 * checkpoint, that worker which did it all for a page), and on wasm out-of-memory
 */
export async function* pretrain(options: PretrainOptions): AsyncGenerator<PretrainEvent> {
  expectOptions('pretrain', options, PRETRAIN_OPTIONS);
  if (!isPageThread()) {
    const here = await import('../train/pretrain.ts');
    return yield* here.pretrain(options);
  }
  const { signal, pause, ...posted } = options;
  const worker = await startJob();
  // One that cannot hear of these is dead, which the next call tells.
  const stop = () => void worker.call((remote) => remote.stop()).catch(() => {});
  const setPaused = () => {
    const paused = pause?.paused ?? false;
    worker.call((remote) => remote.setPaused(paused)).catch(() => {});
  };
  signal?.addEventListener('abort', stop);
  pause?.addEventListener('change', setPaused);
  try {
    if (signal?.aborted) stop();
    if (pause?.paused) setPaused();
    const parcel = await packFor(worker, posted);
    await worker.call((remote) => remote.pretrain(parcel));
    yield* untilNone(worker, (remote) => remote.nextEvents());
  } finally {
    signal?.removeEventListener('abort', stop);
    pause?.removeEventListener('change', setPaused);
    endSoon(worker);
  }
}

/**
 * Embeddings of all images of a data set, in its order. A corrupt image is left out. On a page's own thread workers do it;
 * the checkpoint's query encoder is copied to them as with `pretrain`.
 * @throws MocoError usage (workers), backend-unavailable, shape-mismatch (the checkpoint is not of the network that its configuration
 * names), data-missing, data-invalid, image-corrupt (no image can be decoded), features-not-finite, out-of-memory, worker-died
 */
export async function* embedImages(job: EncoderJob): AsyncGenerator<EmbeddingRow> {
  expectOptions('embedImages', job, ENCODER_JOB);
  if (!isPageThread()) {
    const here = await import('../evaluate/evaluate-checkpoint.ts');
    return yield* here.embedImages(job);
  }
  const worker = await startJob();
  try {
    const parcel = await packFor(worker, queryOf(job));
    await worker.call((remote) => remote.embedImages(parcel));
    yield* untilNone(worker, (remote) => remote.nextRows());
  } finally {
    endSoon(worker);
  }
}

/**
 * Weighted kNN: the bank is the training images, the queries the test split (without one: leave-one-out). On a page's own
 * thread workers do it, as with `embedImages`.
 * @param k neighbors, at least 1, by default 200; no more are used than the bank holds
 * @param t temperature > 0, by default 0.1, of the weights exp(cosine similarity / t)
 * @throws MocoError data-invalid for data without classes, else as embedImages
 */
export async function knnOfCheckpoint(job: EncoderJob, k = KNN.k, t = KNN.t): Promise<KnnOutcome> {
  expectOptions('knnOfCheckpoint', job, ENCODER_JOB);
  expectArgument('knnOfCheckpoint', 'k', k, whole(1));
  expectArgument('knnOfCheckpoint', 't', t, aboveZero);
  if (!isPageThread()) {
    const here = await import('../evaluate/evaluate-checkpoint.ts');
    return here.knnOfCheckpoint(job, k, t);
  }
  return askedOf(queryOf(job), (remote, parcel) => remote.knn(parcel, k, t));
}

/**
 * Linear classification (arXiv:1911.05722, 4.1): softmax regression on the backbone's features of the training images, judged
 * on the test split. The encoder is in its inference form and does not change, which is checked bit by bit. Tells of each epoch as
 * it goes; the last event is the outcome. Leaving the loop ends it. On a page's own thread workers do it, as with `embedImages`.
 * @throws MocoError usage (a setting out of range), data-invalid for data without classes or without a test split,
 * loss-not-finite (lower the learning rate), else as embedImages
 */
export async function* linearOfCheckpoint(job: LinearJob): AsyncGenerator<LinearEvent> {
  expectOptions('linearOfCheckpoint', job, LINEAR_JOB);
  if (!isPageThread()) {
    const here = await import('../evaluate/linear.ts');
    return yield* here.linearOfCheckpoint(job);
  }
  const worker = await startJob();
  try {
    const parcel = await packFor(worker, queryOf(job));
    await worker.call((remote) => remote.linear(parcel));
    yield* untilNone(worker, (remote) => remote.nextLinear());
  } finally {
    endSoon(worker);
  }
}

const queryOf = <J extends Pick<EncoderJob, 'checkpoint'>>(job: J): J => ({
  ...job,
  checkpoint: withQueryOnly(job.checkpoint),
});

/** What is there to be had from a worker, asked for as it is needed. */
async function* untilNone<Value>(
  worker: Job,
  next: (remote: Remote<JobWorker>) => Promise<Value[]>,
): AsyncGenerator<Value> {
  for (;;) {
    const values = await worker.call(next);
    if (values.length === 0) return;
    yield* values;
  }
}
