/** Worker script: one job, kernels included, for a page that has to stay free. What it gives is asked for, through comlink. */
import { MocoError } from '../errors.ts';
import { exposeInWorker } from '../runtime/worker.ts';
import { keepErrorCodes } from '../scheduler/remote-errors.ts';
import {
  type EmbeddingRow,
  type EncoderJob,
  embedImages,
  type KnnOutcome,
  knnOfCheckpoint,
} from './evaluate.ts';
import type { PretrainEvent } from './events.ts';
import { PauseSwitch } from './pause.ts';
import { pretrain } from './pretrain.ts';
import type { PretrainOptions } from './pretrain-options.ts';

/** What can be posted; the rest is told by calls. */
export type PostedOptions = Omit<PretrainOptions, 'signal' | 'pause'>;

/** A message costs as much as some rows; of thousands the page would be kept waiting. */
const ROWS_A_MESSAGE = 64;

export class JobWorker {
  readonly #stop = new AbortController();
  readonly #pause = new PauseSwitch();
  #events: AsyncGenerator<PretrainEvent> | null = null;
  #rows: AsyncGenerator<EmbeddingRow> | null = null;

  pretrain(options: PostedOptions): void {
    this.#events = pretrain({ ...options, signal: this.#stop.signal, pause: this.#pause });
  }

  /** The next event; none at the end. The run waits until it is asked, as in a loop over `pretrain`. */
  nextEvents(): Promise<PretrainEvent[]> {
    return take(this.#events, 1);
  }

  /** May be told before the job. */
  stop(): void {
    this.#stop.abort();
  }

  /** May be told before the job. */
  setPaused(paused: boolean): void {
    if (paused) this.#pause.pause();
    else this.#pause.resume();
  }

  embedImages(job: EncoderJob): void {
    this.#rows = embedImages(job);
  }

  /** The next rows; none at the end. */
  nextRows(): Promise<EmbeddingRow[]> {
    return take(this.#rows, ROWS_A_MESSAGE);
  }

  knn(job: EncoderJob, k: number, t: number): Promise<KnnOutcome> {
    return knnOfCheckpoint(job, k, t);
  }
}

/** The next `count` values, or as many as there are. */
async function take<Value>(values: AsyncGenerator<Value> | null, count: number): Promise<Value[]> {
  if (values === null) throw new MocoError('usage', 'job worker: it was asked before it was given a job');
  const taken: Value[] = [];
  while (taken.length < count) {
    const { done, value } = await values.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

keepErrorCodes();
await exposeInWorker(new JobWorker());
