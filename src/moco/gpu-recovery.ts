/**
 * A run whose GPU device is lost goes on with another: from the last copy of the state that is in this thread's memory,
 * without telling again what was told. Steps are taken again as they were, on the same images; a GPU gives the same
 * digits only as far as its driver does.
 */
import { MocoError } from '../errors.ts';
import type { NoticeEvent, PretrainEvent } from './events.ts';
import type { TrainerState } from './state.ts';

/** A copy of the state is taken every so many steps, besides those of checkpoints. */
export const COPY_EVERY = 500;
const MOST_LOSSES = 3;

export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Null: what the run began with. */
  readonly state: TrainerState | null;
}

export class GpuRecovery {
  #last: Position;
  /** The last step that was told. */
  #told: number;
  readonly #once = new Set<string>();
  /** Since a step was told. */
  #losses = 0;

  /** @param step where the run begins */
  constructor(step: number) {
    this.#last = { step, state: null };
    this.#told = step;
  }

  /** Where to go on after a loss. */
  get position(): Position {
    return this.#last;
  }

  keep(step: number, state: TrainerState): void {
    this.#last = { step, state };
  }

  /** Those of the events that were not told before a loss. */
  async *fresh(events: AsyncIterable<PretrainEvent>): AsyncGenerator<PretrainEvent> {
    for await (const event of events) if (this.#isFresh(event)) yield event;
  }

  /**
   * What to tell where the run can go on.
   * @throws the error itself where it is not the loss of a device; MocoError device-lost after the fourth without a step
   */
  afterLoss(error: unknown): NoticeEvent {
    if (!(error instanceof MocoError) || error.code !== 'device-lost') throw error;
    if (++this.#losses > MOST_LOSSES) {
      const message = `${error.message}; ${this.#losses} devices in turn were lost before a step was done`;
      throw new MocoError('device-lost', message, { cause: error });
    }
    const { step } = this.#last;
    return {
      type: 'notice',
      message: `the GPU device was lost after step ${this.#told}; going on with another from step ${step}, the last kept`,
    };
  }

  #isFresh(event: PretrainEvent): boolean {
    if (event.type === 'step') {
      if (event.step <= this.#told) return false;
      this.#told = event.step;
      this.#losses = 0;
      return true;
    }
    if (event.type === 'skipped') return this.#isFirst(`skipped ${event.path}`);
    if (event.type === 'knn') return this.#isFirst(`knn ${event.epoch} ${event.features}`);
    if (event.type === 'neighbors') return this.#isFirst(`neighbors ${event.epoch}`);
    return true;
  }

  #isFirst(key: string): boolean {
    const first = !this.#once.has(key);
    this.#once.add(key);
    return first;
  }
}
