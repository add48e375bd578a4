/** What there is to tell of a run: its log as data, and what lies beside it. */

/** Numbers of a step by the names of the log, `step` and `epoch` among them. */
export type Numbers = Readonly<Record<string, number>>;

/** Something measured between steps: kNN, the test split, a probe. */
export interface Measurement {
  /** 'knn backbone', 'knn head', 'test', 'probe' … */
  readonly what: string;
  /** Steps that were done. */
  readonly step: number;
  /** `top1`, `top5` … */
  readonly values: Numbers;
}

export interface RunLog {
  /** Of the last start of the run; empty before it has begun. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: string;
  readonly adapter: string | null;
  /** How often it was begun or gone on with. */
  readonly starts: number;
  /** Ascending, each step once. */
  readonly steps: readonly Numbers[];
  readonly measured: readonly Measurement[];
}

/** What a run learns from. */
export interface RunData {
  readonly kind: string;
  readonly path: string | null;
  readonly images: number;
  /** Names by label, empty where there are none; null where the data could not be looked at. */
  readonly classes: readonly string[] | null;
}

export interface RunRecord extends RunLog {
  /** How the report calls it. */
  readonly name: string;
  /** Null before the first checkpoint. */
  readonly data: RunData | null;
  /** JPEG of queries with their neighbors before and after. */
  readonly neighbors: Uint8Array | null;
  readonly map: EmbeddingMap | null;
}

/** Images of a data set laid out by the likeness of their embeddings. */
export interface EmbeddingMap {
  /** What they are images of, and of which step the encoder is. */
  readonly title: string;
  /** [n, 2], each axis 0 … 1. */
  readonly points: Float32Array;
  /** Class of each; null where there are none. */
  readonly labels: readonly number[] | null;
  readonly classes: readonly string[];
  /** JPEG of all images in rows of `columns`, `tile` pixels square. */
  readonly sprite: Uint8Array;
  readonly columns: number;
  readonly tile: number;
}

/** Lines that tell of a measurement. */
const MEASURED: ReadonlySet<string> = new Set(['epoch', 'knn', 'test', 'probe']);

/**
 * Reads a log.jsonl, also while it is being written: a line that is not whole is passed over. Of a step that a resumed run
 * took again, the later line counts.
 */
export function parseLog(text: string): RunLog {
  return recordOf(
    text
      .split('\n')
      .map(objectOf)
      .filter((entry) => entry !== null),
  );
}

/** The same of its lines, or of the events of a run. What is none of a log's is passed over. */
export function recordOf(entries: Iterable<object>): RunLog {
  const steps = new Map<number, Numbers>();
  const measured = new Map<string, Measurement>();
  let log: Omit<RunLog, 'steps' | 'measured'> = {
    ...{ config: {}, versions: {}, backend: '', adapter: null, starts: 0 },
  };
  let done = 0;
  for (const entry of entries as Iterable<Readonly<Record<string, unknown>>>) {
    const { type } = entry;
    if (type === 'run') {
      const { config, versions, backend, adapter } = entry;
      log = {
        config: isObject(config) ? config : {},
        versions: isObject(versions) ? textsOf(versions) : {},
        backend: typeof backend === 'string' ? backend : '',
        adapter: typeof adapter === 'string' ? adapter : null,
        starts: log.starts + 1,
      };
    } else if (type === 'step') {
      const numbers = numbersOf(entry);
      if (numbers.step === undefined) continue;
      done = numbers.step;
      steps.set(done, numbers);
    } else if (typeof type === 'string' && MEASURED.has(type)) {
      const { features } = entry;
      const what = typeof features === 'string' ? `${type} ${features}` : type;
      const { epoch: _epoch, step: _step, k: _k, t: _t, ...values } = numbersOf(entry);
      measured.set(`${done} ${what}`, { what, step: done, values });
    }
  }
  return {
    ...log,
    steps: [...steps.values()].sort((a, b) => a.step! - b.step!),
    measured: [...measured.values()].sort((a, b) => a.step - b.step),
  };
}

/** Steps an epoch: by the number of images, else by the log; null where neither tells. */
export function stepsPerEpoch({ data, config, steps }: RunRecord): number | null {
  const batch = config.batchSize;
  if (data && typeof batch === 'number' && batch > 0) return Math.floor(data.images / batch) || null;
  const second = steps.find(({ epoch }) => epoch === 1);
  return second ? second.step! - 1 : null;
}

/** How many steps the run is to take in all; null where that is not known. */
export function stepsInAll(run: RunRecord): number | null {
  const { steps, epochs } = run.config;
  const perEpoch = stepsPerEpoch(run);
  const byEpochs =
    perEpoch !== null && typeof epochs === 'number' ? perEpoch * epochs : Number.POSITIVE_INFINITY;
  const last = Math.min(typeof steps === 'number' ? steps : Number.POSITIVE_INFINITY, byEpochs);
  return Number.isFinite(last) ? last : null;
}

function objectOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const numbersOf = (entry: object): Numbers =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => Number.isFinite(value)));

const textsOf = (entry: object): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, String(value)]));
