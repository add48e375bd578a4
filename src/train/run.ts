/** The steps of a run in one session, and what is done between them: the kNN monitor, checkpoints. */
import { saveCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { type ErrorCode, MocoError, messageOf } from '../errors.ts';
import { hasClasses, monitorKnn } from '../evaluate/monitor.ts';
import { testAccuracy } from '../evaluate/test-accuracy.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { methodNamed } from '../methods/registry.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { learningRate } from '../optimizers/schedule.ts';
import { GENERATOR, Random, STREAMS } from '../random.ts';
import type { FileStore } from '../runtime/file-store.ts';
import { openFolder } from '../runtime/files.ts';
import type { PretrainEvent, StepEvent } from './events.ts';
import { COPY_EVERY, type GpuRecovery } from './gpu-recovery.ts';
import type { MakeViews } from './group-views.ts';
import { permutationsOf } from './permutations.ts';
import type { PretrainOptions } from './pretrain-options.ts';
import { leavesState } from './recovery.ts';
import type { Session } from './session.ts';
import { TimeLeft } from './time-left.ts';

const KNN = { k: 200, t: 0.1 };
const SHOWN_QUERIES = 8;
const SHOWN_NEIGHBORS = 8;

/** The position of a run, and what is done at each. */
export class Run {
  readonly #options: PretrainOptions;
  readonly #session: Session;
  readonly #network: ImportedNetwork | null;
  readonly #perEpoch: number;
  readonly #last: number;
  readonly #recovery: GpuRecovery;
  /** Steps issued, over the whole run: on a GPU one more than are done, while it goes on. */
  #issued: number;
  /** Steps done. */
  #step: number;
  /** What tells of the steps issued and not done yet, in order. */
  readonly #underWay: Promise<StepEvent>[] = [];
  #saved = -1;
  #store: FileStore | null = null;
  #order: { epoch: number; images: Uint32Array } | null = null;

  constructor(
    options: PretrainOptions,
    session: Session,
    network: ImportedNetwork | null,
    perEpoch: number,
    last: number,
    recovery: GpuRecovery,
  ) {
    this.#options = options;
    this.#session = session;
    this.#network = network;
    this.#perEpoch = perEpoch;
    this.#last = last;
    this.#recovery = recovery;
    this.#step = recovery.position.step;
    this.#issued = this.#step;
  }

  async *events(): AsyncGenerator<PretrainEvent> {
    const { signal, pause, checkpointEvery, out } = this.#options;
    if (out !== undefined) this.#store = await openFolder(out);
    // Where a lost GPU device ended the measurement that is due here, it is made now.
    if (this.#step === 0 || this.#recovery.position.state !== null) yield* this.#measurements();
    let clock = performance.now();
    const timeLeft = new TimeLeft();
    /** Why no further step could be issued: told after the steps that are under way. */
    let failure: { readonly error: unknown } | null = null;
    while (this.#step < this.#last) {
      while (!failure && !signal?.aborted && !pause?.paused && this.#mayIssue()) {
        try {
          await this.#issue();
        } catch (error) {
          failure = { error };
        }
      }
      const underWay = this.#underWay.shift();
      if (!underWay) {
        if (failure) {
          yield* this.#notices();
          yield* this.#lastCheckpoint(failure.error);
          throw failure.error;
        }
        if (signal?.aborted || !pause?.paused) break;
        await pause.wait(signal);
        clock = performance.now();
        continue;
      }
      let event: StepEvent;
      try {
        event = await underWay;
      } catch (error) {
        yield* this.#lastCheckpoint(error);
        throw error;
      }
      yield* this.#notices();
      this.#step = event.step;
      const now = performance.now();
      event.imagesPerSecond = (1000 * this.#options.config.batchSize) / (now - clock);
      timeLeft.add((now - clock) / 1000);
      event.secondsLeft = timeLeft.of(this.#last - this.#step);
      clock = now;
      yield event;
      for (const { path, reason } of this.#session.views.takeSkipped())
        yield { type: 'skipped', path, reason };
      // Saved first: whatever becomes of the measurement, the state is safe.
      if (this.#step === this.#last || (checkpointEvery !== undefined && this.#step % checkpointEvery === 0))
        yield* this.#checkpoint();
      yield* this.#measurements();
      if (this.#copied(this.#step)) this.#recovery.keep(this.#step, await this.#session.trainer.state());
    }
    if (this.#step > (this.#options.resume?.state.step ?? 0)) yield* this.#checkpoint();
  }

  /** Whether one more step may be under way: not beyond one whose state is to be looked at. */
  #mayIssue(): boolean {
    const { checkpointEvery, knnEvery } = this.#options;
    const issued = this.#issued;
    const looked =
      this.#copied(issued) ||
      (checkpointEvery !== undefined && issued % checkpointEvery === 0) ||
      (knnEvery !== undefined && issued % this.#perEpoch === 0);
    const ahead = issued - this.#step;
    return issued < this.#last && (ahead === 0 || (ahead < this.#session.stepsUnderWay && !looked));
  }

  /** Whether the state after a step is copied, in case the GPU device is lost. */
  #copied(step: number): boolean {
    return this.#session.backend === 'webgpu' && step % COPY_EVERY === 0;
  }

  async #issue(): Promise<void> {
    const { config } = this.#options;
    const epoch = Math.floor(this.#issued / this.#perEpoch);
    const lr = learningRate(config, { step: this.#issued, perEpoch: this.#perEpoch });
    const step = this.#issued + 1;
    const { result } = await this.#session.trainer.step({
      step,
      learningRate: lr,
      permutation: permutationsOf(config, step),
      views: this.#views(epoch),
    });
    this.#issued = step;
    const event = result.then(
      (numbers): StepEvent => ({
        ...{ type: 'step', step, epoch, ...numbers, lr },
        ...{ imagesPerSecond: 0, secondsLeft: 0 },
      }),
    );
    // Avoids an unhandledRejection; `events` awaits it.
    event.catch(() => {});
    this.#underWay.push(event);
  }

  /** Where a step goes bad the trainer has undone it: what was learned before it is worth keeping. */
  async *#lastCheckpoint(error: unknown): AsyncGenerator<PretrainEvent> {
    if (leavesState(error, this.#session.backend) && this.#step > 0) yield* this.#checkpoint();
  }

  *#notices(): Generator<PretrainEvent> {
    for (const message of this.#session.takeNotices()) yield { type: 'notice', message };
  }

  /** Views of the images of the next step's batch. */
  #views(epoch: number): MakeViews {
    const { config, data } = this.#options;
    if (this.#order?.epoch !== epoch) {
      const random = new Random({ seed: config.seed, stream: STREAMS.sampleOrder, epoch });
      this.#order = { epoch, images: random.permutation(data.trainLength) };
    }
    const first = (this.#issued % this.#perEpoch) * config.batchSize;
    const batch = this.#order.images.subarray(first, first + config.batchSize);
    return async (stream, positions) => {
      const indices = positions.map((position) => batch[position]!);
      return this.#session.views.views(epoch, indices, stream);
    };
  }

  /** What is measured between steps, where it is due: at the end of some epochs, and of a run that `steps` ends within an epoch. */
  async *#measurements(): AsyncGenerator<PretrainEvent> {
    const { knnEvery, data, config } = this.#options;
    if (!this.#recovery.monitors) return;
    const ends = this.#step === this.#last;
    const isDue = knnEvery !== undefined && (ends || this.#step % (knnEvery * this.#perEpoch) === 0);
    if (isDue && hasClasses(data)) yield* this.#measured('kNN', () => this.#knn(ends));
    if ((isDue || ends) && methodNamed(config.method).labels)
      yield* this.#measured('test accuracy', () => this.#test());
  }

  get #epochsDone(): number {
    return Math.ceil(this.#step / this.#perEpoch);
  }

  /** A measurement that fails ends no run: a notice says so. */
  async *#measured(what: string, measure: () => Promise<PretrainEvent[]>): AsyncGenerator<PretrainEvent> {
    const { kernels } = this.#session;
    let events: PretrainEvent[];
    try {
      events = await measure();
    } catch (error) {
      if (isCode(error, 'aborted')) throw error;
      const reported = reportedBy(kernels);
      if (reported !== null && !isCode(reported, 'device-lost')) this.#recovery.endMonitor();
      if (reported !== null || isCode(error, 'device-lost')) throw reported ?? error;
      const message = `no ${what} after ${this.#epochsDone} epochs: ${messageOf(error)}; training goes on`;
      yield { type: 'notice', message };
      return;
    }
    yield* events;
  }

  async #test(): Promise<PretrainEvent[]> {
    const { trainer, viewOptions: views } = this.#session;
    await trainer.prepareEmbedding();
    const embed = (images: () => Promise<Float32Array>) => trainer.embed(images);
    const accuracy = await testAccuracy(this.#options.data, { views, embed });
    return accuracy ? [{ type: 'test', epoch: this.#epochsDone, ...accuracy }] : [];
  }

  async #knn(ends: boolean): Promise<PretrainEvent[]> {
    const { data, config } = this.#options;
    const { trainer, kernels, viewOptions } = this.#session;
    const epoch = this.#epochsDone;
    await trainer.prepareEmbedding();
    const result = await monitorKnn({
      kernels,
      data,
      views: viewOptions,
      embed: (images) => trainer.embed(images),
      ...KNN,
    });
    const events: PretrainEvent[] = (['backbone', 'head'] satisfies FeatureKind[]).map((features) => {
      const { top1, k, t } = result[features];
      return { type: 'knn', epoch, top1, k, t, features };
    });
    if (epoch !== 0 && !ends) return events;
    const { neighbors, k } = result.backbone;
    // Queries of every class in turn, where images come sorted or shuffled alike.
    const random = new Random({ seed: config.seed, stream: STREAMS.sampleOrder, epoch: 2 ** 32 - 1 });
    const queries = [...random.permutation(result.queries.length).subarray(0, SHOWN_QUERIES)];
    events.push({
      type: 'neighbors',
      epoch,
      queries: queries.map((row) => result.queries[row]!),
      neighbors: queries.map((row) =>
        Array.from(
          neighbors.subarray(row * k, row * k + Math.min(k, SHOWN_NEIGHBORS)),
          (near) => result.bank[near]!,
        ),
      ),
    });
    return events;
  }

  async *#checkpoint(): AsyncGenerator<PretrainEvent> {
    const { config, data } = this.#options;
    if (!this.#store || this.#saved === this.#step) return;
    const state = await this.#session.trainer.state();
    const path = await saveCheckpoint(
      this.#store,
      {
        config,
        step: this.#step,
        epoch: Math.floor(this.#step / this.#perEpoch),
        sampler: {
          dataset: data.kind,
          path: data.path,
          images: data.trainLength,
          stepInEpoch: this.#step % this.#perEpoch,
        },
        generator: { algorithm: GENERATOR, seed: config.seed },
        backend: this.#session.backend,
      },
      state,
      this.#network,
    );
    this.#saved = this.#step;
    if (this.#session.backend === 'webgpu') this.#recovery.keep(this.#step, state);
    yield { type: 'checkpoint', step: this.#step, path };
  }
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof MocoError && error.code === code;
}

/** What the GPU has reported of itself, after which its kernels refuse all calls. Null where they go on. */
function reportedBy(kernels: Kernels): unknown {
  if (kernels.backend === 'wasm') return null;
  try {
    kernels.free(kernels.allocate(1));
    return null;
  } catch (error) {
    return error;
  }
}
