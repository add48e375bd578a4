/** A map of photos, laid out by a worker of its own. */
import type { MapNews, MapTask } from './map-worker.ts';

/** The build puts it beside the page. */
const WORKER = 'map-worker.js';

/** Fewer have no map. */
export const FEWEST_ON_MAP = 4;

export interface Layout {
  /** [n, 2], both axes 0 … 1. Never there where it was stopped. @throws where the worker does not run */
  readonly points: Promise<Float32Array<ArrayBuffer>>;
  stop(): void;
}

/** @param told of each state on the way; the last is what `points` gives */
export function layOutMap(neighbors: MapTask, told: (news: MapNews) => void): Layout {
  const worker = new Worker(new URL(WORKER, document.baseURI), { type: 'module' });
  const points = new Promise<Float32Array<ArrayBuffer>>((give, refuse) => {
    worker.onmessage = ({ data }: MessageEvent<MapNews>) => {
      told(data);
      if (data.done < 1) return;
      worker.terminate();
      give(data.points);
    };
    worker.onerror = (event) =>
      refuse(new Error(`The map could not be laid out: ${event.message || 'its worker did not start'}`));
  });
  worker.postMessage(neighbors);
  return { points, stop: () => worker.terminate() };
}
