/** Measures part after part, each in a worker of its own, until all are through or somebody stops it. */
import type { BenchNews, BenchTask } from './bench-worker.ts';
import {
  type BackendFigures,
  type Computer,
  nothingOf,
  PART_NAMES,
  PARTS,
  type Part,
  rounded,
} from './figures.ts';
import type { SizeName } from './sizes.ts';

/** The build puts it beside the page. */
const WORKER = 'bench-worker.js';
const NAMES = { wasm: 'processor', webgpu: 'GPU' } as const;

export interface Told {
  /** For people: what is being measured. */
  doing(what: string): void;
  /** From 0 to 1. */
  progress(share: number): void;
  /** What was found by now. */
  found(results: readonly BackendFigures[]): void;
}

/** Ends early, with what there is by then, when `stop` is aborted. Parts that fail say why, and the others are measured. */
export async function measure(
  backends: readonly Computer[],
  size: SizeName,
  told: Told,
  stop: AbortSignal,
): Promise<void> {
  const results = backends.map(nothingOf);
  const all = backends.reduce((sum, backend) => sum + partsOf(backend).length, 0);
  let before = 0;
  for (const [at, backend] of backends.entries()) {
    const change = (found: Partial<BackendFigures>) => {
      results[at] = { ...results[at]!, ...rounded(found) };
      told.found([...results]);
    };
    for (const part of partsOf(backend)) {
      const fail = (why: string) => {
        const { problems } = results[at]!;
        change({ problems: [...problems, { part, why }] });
      };
      told.progress(before / all);
      if (stop.aborted) {
        fail('stopped');
        continue;
      }
      told.doing(`${NAMES[backend]}: ${PART_NAMES[part]}`);
      const { limits } = results[at]!;
      const start = before;
      await onePart({ part, backend, size, limits }, stop, {
        found: change,
        failed: fail,
        progress: (share) => told.progress((start + share) / all),
      });
      before++;
    }
  }
  told.progress(1);
}

/** Where the time of a step goes is told by timestamp queries, which a processor has none of. */
const partsOf = (backend: Computer): readonly Part[] =>
  backend === 'wasm' ? PARTS.filter((part) => part !== 'time') : PARTS;

interface PartTold {
  found(found: Partial<BackendFigures>): void;
  failed(why: string): void;
  progress(share: number): void;
}

function onePart(task: BenchTask, stop: AbortSignal, told: PartTold): Promise<void> {
  const ended = new AbortController();
  const worker = new Worker(new URL(WORKER, document.baseURI), { type: 'module' });
  const work = new Promise<void>((resolve) => {
    const fail = (why: string) => {
      told.failed(why);
      resolve();
    };
    stop.addEventListener('abort', () => fail('stopped'), { signal: ended.signal });
    worker.onerror = (event) => fail(event.message || 'the worker did not start');
    worker.onmessage = ({ data }: MessageEvent<BenchNews>) => {
      if (data.type === 'found') told.found(data.found);
      else if (data.type === 'progress') told.progress(data.done / data.all);
      else if (data.type === 'failed') told.failed(data.why);
      else resolve();
    };
    worker.postMessage(task);
  });
  return work.finally(() => {
    ended.abort();
    worker.terminate();
  });
}
