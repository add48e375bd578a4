/** What the reading of a model may take: files are untrusted, and a small one may ask for any amount of time and memory. */
import { aboveZero, type Forms, optional } from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';

export interface ModelLimits {
  /** Above 0; 60 by default. */
  readonly seconds?: number | undefined;
  /** Bytes of the values that are computed while a model is read, above 0; 256 MiB by default. Weights do not count. */
  readonly bytes?: number | undefined;
}

export const LIMITS: Forms<ModelLimits> = { seconds: optional(aboveZero), bytes: optional(aboveZero) };

/** Of a file: protocol buffers end at 2 GiB. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** Of a graph, with its functions written out. */
export const MOST_NODES = 100_000;

const SECONDS = 60;
const BYTES = 2 ** 28;
/** The clock is looked at once in so many steps. */
const STEPS = 64;

export class Budget {
  readonly #limits: Required<{ [N in keyof ModelLimits]: number }>;
  readonly #end: number;
  #bytes = 0;
  #steps = 0;

  constructor({ seconds = SECONDS, bytes = BYTES }: ModelLimits = {}) {
    for (const [name, value] of Object.entries({ seconds, bytes })) {
      if (!(value > 0)) throw new MocoError('usage', `limits.${name} is ${value}: give a number above 0`);
    }
    this.#limits = { seconds, bytes };
    this.#end = performance.now() + 1000 * seconds;
  }

  /** @throws MocoError model-invalid once the time is up */
  step(): void {
    if (++this.#steps % STEPS === 0 && performance.now() > this.#end) {
      throw new MocoError(
        'model-invalid',
        `reading the model takes more than ${this.#limits.seconds} s: raise the limit of time if you trust it`,
      );
    }
  }

  /** @throws MocoError model-invalid once the values take more than there is for them */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.bytes) return;
    const most = Math.round(this.#limits.bytes / 2 ** 20);
    throw new MocoError(
      'model-invalid',
      `computing the model's constants takes more than ${most} MiB: raise the limit of memory if you trust it`,
    );
  }
}

/**
 * Nodes for which onnxruntime takes a second to get ready: its time grows with their square. Of a chain of 20,000, a step of
 * training was waited for 315 s, nearly all of it in the optimizing of graphs.
 */
const NODES_IN_A_SECOND = 1100;

/** Before anything is made of a network, as nobody can end onnxruntime's work on it. @throws MocoError model-invalid */
export function requirePreparable(nodes: number, { seconds = SECONDS }: ModelLimits = {}): void {
  const needed = Math.ceil((nodes / NODES_IN_A_SECOND) ** 2);
  if (needed <= seconds) return;
  throw new MocoError(
    'model-invalid',
    `the model has ${nodes} nodes, which onnxruntime takes about ${needed} s to get ready, more than ${seconds} s: ` +
      'raise the limit of time if you trust it',
  );
}

/** The last net for files that nobody thought of: what the task throws that is no MocoError means that the model is none. */
export function orInvalid<T>(task: () => T): T {
  try {
    return task();
  } catch (error) {
    if (error instanceof MocoError) throw error;
    throw new MocoError('model-invalid', `the model cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
