/**
 * A run whose GPU device is lost, or full, goes on with another: from the last copy of the state that is in this thread's
 * memory, without telling again what was told. Steps are taken again as they were, on the same images; a GPU gives the
 * same digits only as far as its driver does. Where memory was full, fewer groups are taken at once from then on, while nothing
 * has been learned yet and nobody has said how many; after that the encoders compute more again.
 */
import { fewerAtOnce } from '../encoder/choose-groups-at-once.ts';
import { lessMemory, type RecomputeLevel } from '../encoder/recompute.ts';
import { MocoError, messageOf } from '../errors.ts';
import type { NoticeEvent, PretrainEvent } from './events.ts';
import type { SavedState } from './state.ts';

/** A copy of the state is taken every so many steps, besides those of checkpoints. */
export const COPY_EVERY = 500;
const MOST_LOSSES = 3;

export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Null: what the run began with. */
  readonly state: SavedState | null;
  /** What the encoders compute again; null: what they choose. */
  readonly recompute: RecomputeLevel | null;
  /** Groups of one run; null: as many as fit. */
  readonly groupsAtOnce: number | null;
}

export class GpuRecovery {
  #last: Position;
  /** The last step that was told. */
  #told: number;
  readonly #once = new Set<string>();
  /** Since a step was told. */
  #losses = 0;
  #monitors = true;
  /** Whether what ends the session now is the kNN monitor. */
  #monitorFailed = false;
  /** Whether the number of groups at once is settled: it was asked for or recorded. */
  readonly #isSettled: boolean;

  /**
   * @param step where the run begins
   * @param groupsAtOnce null: as many as fit
   */
  constructor(step: number, groupsAtOnce: number | null = null) {
    this.#last = { step, state: null, recompute: null, groupsAtOnce };
    this.#told = step;
    this.#isSettled = groupsAtOnce !== null;
  }

  /** Later devices take as many as the first one has taken. */
  keepGroupsAtOnce(groupsAtOnce: number): void {
    this.#last = { ...this.#last, groupsAtOnce };
  }

  /** Where to go on after a failure. */
  get position(): Position {
    return this.#last;
  }

  keep(step: number, state: SavedState): void {
    this.#last = { ...this.#last, step, state };
  }

  /** Whether the monitors, kNN and probe, still run. */
  get monitors(): boolean {
    return this.#monitors;
  }

  /** A monitor has left the device unusable: the run goes on with another, and measures no more. */
  endMonitor(): void {
    this.#monitors = false;
    this.#monitorFailed = true;
  }

  /** Those of the events that were not told before a failure. */
  async *fresh(events: AsyncIterable<PretrainEvent>): AsyncGenerator<PretrainEvent> {
    for await (const event of events) if (this.#isFresh(event)) yield event;
  }

  /**
   * What to tell where the run can go on from `position` with another device; null where it cannot.
   * @param chosen what the encoders computed again when they were left the choice
   * @throws MocoError device-lost after the fourth loss without a step
   */
  afterFailure(error: unknown, chosen: RecomputeLevel): NoticeEvent | null {
    if (this.#monitorFailed) {
      this.#monitorFailed = false;
      return this.#goesOn(`the kNN monitor failed (${messageOf(error)})`, ', without kNN');
    }
    if (!(error instanceof MocoError)) return null;
    if (error.code === 'device-lost') return this.#afterLoss(error);
    if (error.code !== 'out-of-memory') return null;
    const { groupsAtOnce, state } = this.#last;
    const fewer = this.#isSettled || state !== null ? null : fewerAtOnce(groupsAtOnce ?? 1);
    if (fewer !== null) {
      this.keepGroupsAtOnce(fewer);
      return this.#goesOn("the GPU's memory was full", `, groups at once ${groupsAtOnce} → ${fewer}, slower`);
    }
    const level = this.#last.recompute ?? chosen;
    const recompute = lessMemory(level);
    if (recompute === null) return null;
    this.#last = { ...this.#last, recompute };
    return this.#goesOn("the GPU's memory was full", `, recompute ${level} → ${recompute}, slower`);
  }

  #afterLoss(error: MocoError): NoticeEvent {
    if (++this.#losses > MOST_LOSSES) {
      const message = `${error.message}; ${this.#losses} devices in turn were lost before a step was done`;
      throw new MocoError('device-lost', message, { cause: error });
    }
    return this.#goesOn('the GPU device was lost');
  }

  #goesOn(what: string, how = ''): NoticeEvent {
    const from = `going on with another device from step ${this.#last.step}, the last kept${how}`;
    return { type: 'notice', message: `${what} after step ${this.#told}; ${from}` };
  }

  #isFresh(event: PretrainEvent): boolean {
    if (event.type === 'step') {
      if (event.step <= this.#told) return false;
      this.#told = event.step;
      this.#losses = 0;
      return true;
    }
    if (event.type === 'skipped') return this.#isFirst(`skipped ${event.path}`);
    if (event.type === 'checkpoint') return this.#isFirst(`checkpoint ${event.step}`);
    if (event.type === 'knn') return this.#isFirst(`knn ${event.epoch} ${event.features}`);
    if (event.type === 'probe') return this.#isFirst(`probe ${event.epoch}`);
    if (event.type === 'watch') return this.#isFirst(`watch ${event.step}`);
    if (event.type === 'neighbors') return this.#isFirst(`neighbors ${event.epoch}`);
    return true;
  }

  #isFirst(key: string): boolean {
    const first = !this.#once.has(key);
    this.#once.add(key);
    return first;
  }
}
