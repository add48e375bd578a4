/** The steps of a run in one session, and what is done between them: monitors, checkpoints. */
import { type ErrorCode, MocoError, messageOf } from '../errors.ts';
import { canProbe, hasClasses } from '../evaluate/monitor.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { learnsFromLabels } from '../methods/names.ts';
import { learningRate } from '../optimizers/schedule.ts';
import { Random, STREAMS } from '../random.ts';
import { openFolder } from '../runtime/files.ts';
import { expectSameEverywhere, onAny } from './agree.ts';
import { epochMetrics } from './epoch-metrics.ts';
import type { PretrainEvent, StepEvent } from './events.ts';
import { COPY_EVERY, type GpuRecovery } from './gpu-recovery.ts';
import type { MakeViews } from './group-views.ts';
import { lastForward } from './last-forward.ts';
import { measureEncoder } from './monitors.ts';
import { permutationsOf } from './permutations.ts';
import type { PretrainOptions } from './pretrain-options.ts';
import { leavesState } from './recovery.ts';
import { RunCheckpoints, type RunFacts } from './run-checkpoints.ts';
import type { Session } from './session.ts';
import { TimeLeft } from './time-left.ts';
import { isWatched, watchRun } from './watch.ts';

/** Steps after which the ranks compare what they have learned: so many, beside the first and the last. */
const COMPARE_EVERY = 100;

/** The position of a run, and what is done at each. */
export class Run {
  readonly #options: PretrainOptions;
  readonly #session: Session;
  readonly #facts: RunFacts;
  readonly #perEpoch: number;
  readonly #last: number;
  readonly #recovery: GpuRecovery;
  /** Steps issued, over the whole run: on a GPU one more than are done, while it goes on. */
  #issued: number;
  /** Steps done. */
  #step: number;
  /** What tells of the steps issued and not done yet, in order. */
  readonly #underWay: Promise<StepEvent>[] = [];
  /** Whether some rank was told to stop. */
  #stopped = false;
  #checkpoints: RunCheckpoints | null = null;
  #order: { epoch: number; images: Uint32Array } | null = null;

  constructor(
    options: PretrainOptions,
    session: Session,
    facts: Omit<RunFacts, 'backend' | 'groupsAtOnce' | 'tiles'>,
    recovery: GpuRecovery,
  ) {
    this.#options = options;
    this.#session = session;
    const { plan, tiles } = session.encoders;
    const { groupsAtOnce } = plan;
    this.#facts = { ...facts, backend: session.backend, groupsAtOnce, tiles: tiles?.choice };
    this.#perEpoch = facts.perEpoch;
    this.#last = facts.last;
    this.#recovery = recovery;
    this.#step = recovery.position.step;
    this.#issued = this.#step;
  }

  async *events(): AsyncGenerator<PretrainEvent> {
    const { signal, pause, out } = this.#options;
    const store = out === undefined || !this.#isFirst ? null : await openFolder(out);
    this.#checkpoints = new RunCheckpoints(this.#options, this.#facts, store);
    // Where a lost GPU device ended the measurement that is due here, it is made now.
    if (this.#step === 0 || this.#recovery.position.state !== null) yield* this.#measure();
    yield* this.#watch();
    let clock = performance.now();
    const timeLeft = new TimeLeft();
    /** Why no further step could be issued: told after the steps that are under way. */
    let failure: { readonly error: unknown } | null = null;
    while (this.#step < this.#last) {
      while (!failure && this.#mayIssue() && !pause?.paused) {
        this.#stopped = await onAny(this.#session.ranks, signal?.aborted === true);
        if (this.#stopped) break;
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
          return yield* this.#endWith(failure.error);
        }
        if (this.#stopped || signal?.aborted || !pause?.paused) break;
        await pause.wait(signal);
        clock = performance.now();
        continue;
      }
      let event: StepEvent;
      try {
        event = await underWay;
      } catch (error) {
        return yield* this.#endWith(error);
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
      await this.#compareRanks();
      if (this.#step % this.#perEpoch === 0) yield* this.#endEpoch();
      // Saved first: whatever becomes of the measurement, the state is safe.
      const checkpoints = this.#checkpoints;
      if (checkpoints.isDue(this.#step) || (checkpoints.isLate && this.#underWay.length === 0))
        yield* this.#checkpoint();
      yield* this.#measure();
      if (this.#step === this.#last || isWatched(this.#options.watch, this.#step)) yield* this.#watch();
      if (this.#copied(this.#step)) this.#recovery.keep(this.#step, await this.#session.trainer.state());
    }
    if (this.#step > (this.#options.resume?.state.step ?? 0)) yield* this.#checkpoint();
    yield { type: 'end', reason: this.#step < this.#last ? 'aborted' : 'done', step: this.#step };
  }

  /** Whether one more step may be under way: not beyond one whose state is to be looked at. */
  #mayIssue(): boolean {
    const checkpoints = this.#checkpoints;
    const issued = this.#issued;
    const looked =
      this.#copied(issued) ||
      isWatched(this.#options.watch, issued) ||
      checkpoints?.isDue(issued) ||
      checkpoints?.isLate ||
      issued % this.#perEpoch === 0;
    const ahead = issued - this.#step;
    return issued < this.#last && (ahead === 0 || (ahead < this.#session.stepsUnderWay && !looked));
  }

  /** Rank 0 tells and writes; the others wait for it in the next step. */
  get #isFirst(): boolean {
    return this.#session.ranks.rank === 0;
  }

  /** Whether all ranks are where this one is. */
  async #compareRanks(): Promise<void> {
    const { ranks, trainer } = this.#session;
    const isDue = this.#step === this.#last || this.#step % COMPARE_EVERY === 1;
    if (ranks.size === 1 || !isDue) return;
    const state = await trainer.state();
    const floats = [...state.values()].flatMap(({ data }) => (data instanceof Float32Array ? [data] : []));
    await expectSameEverywhere(ranks, floats, `after step ${this.#step}`);
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
  async *#endWith(error: unknown): AsyncGenerator<PretrainEvent, never> {
    if (leavesState(error, this.#session.backend) && this.#step > 0) {
      try {
        yield* this.#checkpoint();
      } catch (failure) {
        const code = error instanceof MocoError ? error.code : 'write-failed';
        throw new MocoError(code, `${messageOf(error)}; ${messageOf(failure)}`, { cause: error });
      }
    }
    throw error;
  }

  *#notices(): Generator<PretrainEvent> {
    for (const message of this.#session.takeNotices()) yield { type: 'notice', message };
  }

  /** The images of the step after so many others. */
  #batch(step: number): Uint32Array {
    const { config, data } = this.#options;
    const epoch = Math.floor(step / this.#perEpoch);
    if (this.#order?.epoch !== epoch) {
      const random = new Random({ seed: config.seed, stream: STREAMS.sampleOrder, epoch });
      this.#order = { epoch, images: random.permutation(data.trainLength) };
    }
    const first = (step % this.#perEpoch) * config.batchSize;
    return this.#order.images.subarray(first, first + config.batchSize);
  }

  /** Views of the images of the next step's batch. */
  #views(epoch: number): MakeViews {
    const batch = this.#batch(this.#issued);
    return async (stream, positions) => {
      const indices = positions.map((position) => batch[position]!);
      return this.#session.views.views(epoch, indices, stream);
    };
  }

  /** What the last step of an epoch tells: at once, as a session that takes the place of this one has not taken it. */
  async *#endEpoch(): AsyncGenerator<PretrainEvent> {
    const [{ trainer }, { config }] = [this.#session, this.#options];
    const step = this.#step;
    const epoch = step / this.#perEpoch;
    const metrics = async function* () {
      yield { type: 'epoch' as const, epoch, ...(await epochMetrics(trainer, config, step)) };
    };
    yield* this.#orGoOn(metrics(), `no metrics after ${epoch} epochs`);
  }

  /** What is due: at the end of some epochs, and of a run that `steps` ends within an epoch. */
  async *#measure(): AsyncGenerator<PretrainEvent> {
    const { knnEvery, probeEvery, data, config } = this.#options;
    if (!this.#recovery.monitors) return;
    const ends = this.#step === this.#last;
    const isDue = (every: number | undefined) =>
      every !== undefined && (ends || this.#step % (every * this.#perEpoch) === 0);
    const knn = isDue(knnEvery) && hasClasses(data);
    const probe = isDue(probeEvery) && canProbe(data);
    const test = (ends || isDue(knnEvery)) && learnsFromLabels(config.method);
    if (!knn && !probe && !test) return;
    const epoch = Math.ceil(this.#step / this.#perEpoch);
    const due = { knn, probe, test, neighbors: epoch === 0 || ends };
    const what = [knn && 'kNN', probe && 'probe', test && 'accuracy'].filter(Boolean).join(', ');
    const images = data.trainLength + data.testLength;
    yield { type: 'measuring', what, images, chance: 100 / Math.max(1, data.classes.length), epoch };
    const measured = measureEncoder(this.#session, { data, config, epoch }, due);
    yield* this.#orGoOn(measured, `no ${what} after ${epoch} epochs`);
  }

  async *#watch(): AsyncGenerator<PretrainEvent> {
    const { watch, config, data } = this.#options;
    if (!watch || !this.#recovery.monitors || !this.#isFirst) return;
    const step = this.#step;
    const last = Math.max(0, step - 1);
    const batch = { epoch: Math.floor(last / this.#perEpoch), images: this.#batch(last) };
    const session = this.#session;
    const watched = async function* () {
      yield await watchRun(session, watch, { config, images: data.trainLength, step, batch });
    };
    yield* this.#orGoOn(watched(), `nothing to watch after step ${step}`);
  }

  /** What is told beside the run; where that fails, it is a notice. */
  async *#orGoOn(told: AsyncIterable<PretrainEvent>, failed: string): AsyncGenerator<PretrainEvent> {
    try {
      yield* told;
    } catch (error) {
      const { kernels } = this.#session;
      // The others would wait for what this rank has left out.
      if (isCode(error, 'aborted') || this.#session.ranks.size > 1) throw error;
      const reported = reportedBy(kernels);
      if (reported !== null && !isCode(reported, 'device-lost')) this.#recovery.endMonitor();
      if (reported !== null || isCode(error, 'device-lost')) throw reported ?? error;
      const message = `${failed}: ${messageOf(error)}; training goes on`;
      yield { type: 'notice', message };
    }
  }

  async *#checkpoint(): AsyncGenerator<PretrainEvent> {
    const step = this.#step;
    const session = this.#session;
    const last = Math.max(0, step - 1);
    const judge = () => lastForward(session, Math.floor(last / this.#perEpoch), this.#batch(last));
    const saved = await this.#checkpoints?.save(step, () => session.trainer.state(), judge);
    if (!saved) return;
    if (session.backend === 'webgpu') this.#recovery.keep(step, saved.state);
    yield { type: 'checkpoint', step, path: saved.path };
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
