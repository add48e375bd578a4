/** Plain words about what the numbers of a run mean, each told once. */
import { log } from '../math.ts';
import { methodNamed } from '../methods/registry.ts';
import type { Settings } from '../settings/settings.ts';
import type { Chance, NoticeEvent, PretrainEvent, StepEvent } from './events.ts';

/** Unit rows that spread evenly have 1/√C; below this part of it (a mean cosine similarity above 0.9975) for so many steps in turn, … */
const COLLAPSED_SPREAD = 0.05;
/** … an encoder says the same of all images. Untrained encoders have been seen at 0.28. */
const COLLAPSED_STEPS = 10;

/** What an encoder that says nothing has: its loss, and percent of its answers that are right. Null where there is no choice. */
export function chance(settings: Settings): Chance | null {
  const choices = methodNamed(settings.method).choices?.(settings);
  return choices === undefined ? null : { choices, loss: log(choices), acc1: 100 / choices };
}

/** The step that replaces the last of the random keys that a queue begins with; 0 for methods without a queue. */
export function queueFilledAt({ queueSize = 0, batchSize, symmetric }: Settings): number {
  return Math.ceil(queueSize / (symmetric ? 2 * batchSize : batchSize));
}

export class Notices {
  readonly #settings: Settings;
  readonly #told = new Set<string>();
  #collapsedSteps = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Before the first step of a run. */
  start(): NoticeEvent[] {
    const level = chance(this.#settings);
    if (!level) return [];
    const { choices, loss, acc1 } = level;
    const message = `chance level: loss ln(${choices}) = ${loss.toFixed(3)}, acc1 ${acc1.toPrecision(2)} %`;
    return [{ type: 'notice', about: 'chance', message }];
  }

  /** After a step. */
  after({ step, embeddingStd }: Pick<StepEvent, 'step' | 'embeddingStd'>): NoticeEvent[] {
    const { dim, queueSize } = this.#settings;
    const notices: NoticeEvent[] = [];
    const tell = (about: 'queue' | 'collapse', message: string) => {
      if (this.#told.has(about)) return;
      this.#told.add(about);
      notices.push({ type: 'notice', about, message });
    };
    const filled = queueFilledAt(this.#settings);
    if (step < filled) {
      tell(
        'queue',
        `the queue still holds random vectors, its first ${queueSize} keys, which are easily told from images: ` +
          `accuracy is high at first, and the loss rises until step ${filled} has replaced the last of them`,
      );
    }
    const even = 1 / Math.sqrt(dim);
    this.#collapsedSteps = embeddingStd < COLLAPSED_SPREAD * even ? this.#collapsedSteps + 1 : 0;
    if (this.#collapsedSteps >= COLLAPSED_STEPS) {
      tell(
        'collapse',
        `the encoder collapses: for ${COLLAPSED_STEPS} steps all images had nearly the same embedding (spread ` +
          `${embeddingStd.toPrecision(2)} at step ${step}; evenly spread ones have 1/√${dim} = ${even.toFixed(4)}). ` +
          'Lower the learning rate, or look at temperature and batch',
      );
    }
    return notices;
  }
}

/** The events of a run, each step with what there is to say of it. */
export async function* withNotices(
  events: AsyncIterable<PretrainEvent>,
  notices: Notices,
): AsyncGenerator<PretrainEvent> {
  for await (const event of events) {
    yield event;
    if (event.type === 'step') yield* notices.after(event);
  }
}
