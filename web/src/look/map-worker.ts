/** Worker script: lays photos out in two dimensions by UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426), which keeps neighbors. */
import { UMAP } from 'umap-js';

export interface MapTask {
  /** As of neighbors-of-all.ts. */
  readonly k: number;
  readonly rows: Int32Array;
  readonly similarities: Float32Array;
}

export interface MapNews {
  /** [n, 2], both axes 0 … 1. */
  readonly points: Float32Array<ArrayBuffer>;
  /** 0 … 1. */
  readonly done: number;
}

const MIN_DISTANCE = 0.1;
/** Told so often that points are seen to move, and seldom enough that telling takes no time. */
const EPOCHS_A_TELLING = 10;

// TypeScript takes this file for one of a page.
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<MapTask>) => void) | null;
  postMessage(news: MapNews, transfer: Transferable[]): void;
};

scope.onmessage = ({ data: { k, rows, similarities } }) => {
  const n = rows.length / k;
  // Itself counts, and it has to be fewer than there are photos.
  const nNeighbors = Math.min(k + 1, n - 1);
  const own = (row: number) => [row * k, row * k + nNeighbors - 1] as const;
  const umap = new UMAP({ nNeighbors, minDist: MIN_DISTANCE, random: uniform(1) });
  // The first neighbor of a row is itself.
  umap.setPrecomputedKNN(
    Array.from({ length: n }, (_, row) => [row, ...rows.subarray(...own(row))]),
    Array.from({ length: n }, (_, row) => [
      0,
      ...Array.from(similarities.subarray(...own(row)), (similarity) => Math.max(0, 1 - similarity)),
    ]),
  );
  const epochs = umap.initializeFit(Array.from({ length: n }, () => [0]));
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    if (epoch % EPOCHS_A_TELLING !== 0 && epoch !== epochs) continue;
    const points = scaled(umap.getEmbedding());
    scope.postMessage({ points, done: epoch / epochs }, [points.buffer]);
  }
};

/** xorshift32 (Marsaglia 2003): the same photos, the same map. */
function uniform(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

function scaled(points: readonly (readonly number[])[]): Float32Array<ArrayBuffer> {
  const result = new Float32Array(2 * points.length);
  for (const axis of [0, 1]) {
    let least = Infinity;
    let most = -Infinity;
    for (const point of points) {
      least = Math.min(least, point[axis]!);
      most = Math.max(most, point[axis]!);
    }
    for (const [i, point] of points.entries())
      result[2 * i + axis] = (point[axis]! - least) / (most - least || 1);
  }
  return result;
}
