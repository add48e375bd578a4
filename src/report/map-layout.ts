/**
 * A map of embeddings in two dimensions, by UMAP (McInnes, Healy, Melville 2018, arXiv:1802.03426): it keeps neighbors, which
 * is what a contrastive loss arranges. The two directions of a PCA hold a small part of what 100 and more dimensions tell
 * apart, and put classes over each other.
 */
import { UMAP } from 'umap-js';
import { MocoError } from '../errors.ts';
import { Random, STREAMS } from '../random.ts';

const NEIGHBORS = 15;
const MIN_DISTANCE = 0.1;
/** umap-js's own for so few points. */
const EPOCHS = 400;

/**
 * @param vectors [n][dim], n at least 3; likeness is the cosine
 * @param seed the same seed, the same map
 * @returns [n, 2], both axes 0 … 1
 * @throws MocoError data-invalid for too few images
 */
export function mapLayout(vectors: readonly Float32Array[], seed: number): Float32Array {
  if (vectors.length < 3)
    throw new MocoError('data-invalid', `a map of ${vectors.length} images: it takes 3`);
  const random = new Random({ seed, stream: STREAMS.sampleOrder, epoch: 2 ** 32 - 2 });
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(NEIGHBORS, vectors.length - 1),
    minDist: MIN_DISTANCE,
    nEpochs: EPOCHS,
    random: () => random.uniform(),
    distanceFn: cosineDistance,
  });
  const units = vectors.map(unit);
  return scaled(umap.fit(units));
}

function unit(vector: Float32Array): number[] {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return Array.from(vector, (x) => x / Math.max(norm, 1e-12));
}

/** Of unit vectors. */
function cosineDistance(a: number[], b: number[]): number {
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += a[i]! * b[i]!;
  return Math.max(0, 1 - dot);
}

function scaled(points: readonly (readonly number[])[]): Float32Array {
  const result = new Float32Array(2 * points.length);
  for (const axis of [0, 1]) {
    const values = points.map((point) => point[axis]!);
    const least = values.reduce((a, b) => Math.min(a, b));
    const span = values.reduce((a, b) => Math.max(a, b)) - least || 1;
    for (const [i, value] of values.entries()) result[2 * i + axis] = (value - least) / span;
  }
  return result;
}
