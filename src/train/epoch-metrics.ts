/** What the last step of an epoch tells of learning, besides its loss: norms, and how the embeddings lie. */
import { alignment, rankMe, sampleOf, uniformity } from '../evaluate/metrics.ts';
import { methodNamed } from '../methods/registry.ts';
import type { Settings } from '../settings/settings.ts';
import type { EpochEvent } from './events.ts';
import type { Trainer } from './trainer.ts';

/** @param step how many were taken */
export async function epochMetrics(
  trainer: Trainer,
  config: Settings,
  step: number,
): Promise<Omit<EpochEvent, 'type' | 'epoch'>> {
  const { dim } = trainer.layout;
  const [gradients, weights, { embedding }] = await Promise.all([
    trainer.gradients(),
    trainer.weights(),
    trainer.reported(),
  ]);
  const { batchSize, queueSize, symmetric } = config;
  const first = embedding.subarray(0, batchSize * dim);
  const positives = await positivesOf(trainer, config, embedding);
  const sample = sampleOf(embedding, dim);
  return {
    gradientNorm: norm(gradients),
    weightNorm: norm(weights),
    alignment: positives && alignment(first, positives, dim),
    uniformity: uniformity(sample, dim),
    rankMe: rankMe(sample, dim),
    queueAge: queueSize === undefined ? null : Math.min(step, queueSize / (batchSize * (symmetric ? 2 : 1))),
  };
}

async function positivesOf(
  trainer: Trainer,
  { method, batchSize }: Settings,
  embedding: Float32Array,
): Promise<Float32Array | null> {
  const { positives } = methodNamed(method);
  if (positives === undefined) return null;
  const { dim } = trainer.layout;
  return positives === 'reports'
    ? embedding.subarray(batchSize * dim, 2 * batchSize * dim)
    : trainer.rows(positives);
}

/** Of all values together. */
function norm(arrays: readonly Float32Array[]): number {
  let sum = 0;
  for (const array of arrays) {
    for (let i = 0; i < array.length; i++) sum += array[i]! * array[i]!;
  }
  return Math.sqrt(sum);
}
