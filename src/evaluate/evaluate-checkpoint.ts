/** A checkpoint's encoder on a data set: kNN accuracy, embeddings. What they give and throw stands with page/jobs.ts. */
import { queryValues } from '../checkpoint/contents.ts';
import { openDataset } from '../data/dataset.ts';
import type { DatasetSpec } from '../data/sources/source.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { openKernels } from '../kernels/open.ts';
import { embeddingBatch, inferenceWeights, networkOf } from '../models/choose-network.ts';
import { chooseBackend } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { startEncoders } from '../scheduler/start-encoders.ts';
import { ViewPool, viewOptionsOf } from '../scheduler/view-pool.ts';
import { requireWorkerCounts } from '../scheduler/worker-counts.ts';
import { embedDataset } from './embed-dataset.ts';
import type { EncoderJob } from './encoder-job.ts';
import { type MonitorResult, monitorKnn } from './monitor.ts';

export interface EmbeddingRow {
  /** Place of the image in the data set: the training split first, then the test split. */
  index: number;
  /** Its file, or file and record. */
  path: string | null;
  /** Class; null where there are none. */
  label: number | null;
  /** backbone: [featureDim] as it is (8·width for ResNet-18 and -34, 32·width for ResNet-50); head: [dim], unit length. */
  vector: Float32Array;
}

export interface KnnOutcome {
  /** Percent. */
  top1: number;
  k: number;
  t: number;
  /** Images in the bank and images asked about; equal for leave-one-out. */
  bank: number;
  queries: number;
}

/** An image that cannot be read, in its place among the others. */
export interface UnreadableImage extends Omit<EmbeddingRow, 'vector'> {
  vector: null;
  reason: string;
}

export async function* embedImages(job: EncoderJob): AsyncGenerator<EmbeddingRow> {
  for await (const image of embedEveryImage(job)) if (image.vector) yield image;
}

/** The same, and in their places those that cannot be read. */
export async function* embedEveryImage(job: EncoderJob): AsyncGenerator<EmbeddingRow | UnreadableImage> {
  const { data, features } = job;
  const { encoders, dispose } = await openEncoders(job);
  try {
    let offset = 0;
    for (const [spec, length] of [
      [data.train, data.trainLength],
      [data.test, data.testLength],
    ] as const) {
      if (spec) yield* embedSplit(job, encoders, spec, length, offset, features);
      offset += length;
    }
  } finally {
    await dispose();
  }
}

export async function knnOfCheckpoint(job: EncoderJob, k: number, t: number): Promise<KnnOutcome> {
  const { kernels, encoders, dispose } = await openEncoders(job);
  try {
    const result: MonitorResult = await monitorKnn({
      kernels,
      data: job.data,
      views: { ...viewOptionsOf(job.checkpoint.state.config, 1), ...job.reports },
      embed: (images) => encoders.embed(images),
      k,
      t,
    });
    const { top1, k: used } = result[job.features];
    return { top1, k: used, t, bank: result.bank.length, queries: result.queries.length };
  } finally {
    await dispose();
  }
}

/** Kernels and encoders with the checkpoint's inference weights; `dispose` both. */
export async function openEncoders(
  job: Pick<EncoderJob, 'checkpoint' | 'backend' | 'workers'>,
): Promise<{ kernels: Kernels; encoders: GroupEncoders; dispose: () => Promise<void> }> {
  requireWorkerCounts({ workers: job.workers });
  const { backend } = await chooseBackend(job.backend);
  const { config } = job.checkpoint.state;
  const spec = networkOf(config, job.checkpoint.network);
  const kernels = await openKernels(backend);
  let encoders: GroupEncoders | null = null;
  const dispose = async () => {
    try {
      await encoders?.dispose();
    } finally {
      kernels.dispose();
    }
  };
  try {
    const options = { spec, groupSize: config.batchSize / config.groups, imageSize: config.imageSize };
    encoders = await startEncoders(kernels, options, {
      backend,
      workers: job.workers ?? (await coreCount()),
    });
    await encoders.setInferenceWeights(
      inferenceWeights(spec, config.imageSize, queryValues(job.checkpoint.tensors)),
    );
    return { kernels, encoders, dispose };
  } catch (error) {
    // What is told is why they could not be opened.
    await dispose().catch(() => {});
    throw error;
  }
}

/** Images per batch of embeddings times this are in memory at once. */
const BATCHES_AT_ONCE = 16;

async function* embedSplit(
  job: EncoderJob,
  encoders: GroupEncoders,
  spec: DatasetSpec,
  length: number,
  offset: number,
  features: FeatureKind,
): AsyncGenerator<EmbeddingRow | UnreadableImage> {
  const { config } = job.checkpoint.state;
  const batch = embeddingBatch(config.imageSize);
  const dataset = await openDataset(spec);
  try {
    const views = await ViewPool.start(spec, { ...viewOptionsOf(config, 1), ...job.reports });
    const reasons = new Map<number, string>();
    try {
      for (let start = 0; start < length; start += batch * BATCHES_AT_ONCE) {
        const rows = Math.min(batch * BATCHES_AT_ONCE, length - start);
        const plain = (indices: Uint32Array) => views.plain(indices.map((index) => index + start));
        const embeddings = await embedDataset({ plain }, (images) => encoders.embed(images), rows, batch);
        for (const { index, reason } of views.takeSkipped()) reasons.set(index, reason);
        const values = embeddings[features];
        const dim = values.length / rows;
        for (let row = 0; row < rows; row++) {
          const index = start + row;
          const given = dataset.labels?.[index] ?? -1;
          const label = given < 0 ? null : given;
          const about = { index: offset + index, path: dataset.name(index), label };
          if (embeddings.indices[row] !== index) {
            yield { ...about, vector: null, reason: reasons.get(index) ?? 'it cannot be read' };
            continue;
          }
          const vector = values.slice(row * dim, (row + 1) * dim);
          if (features === 'head') toUnitLength(vector);
          yield { ...about, vector };
        }
      }
    } finally {
      await views.dispose();
    }
  } finally {
    dataset.close();
  }
}

/** In place. */
export function toUnitLength(vector: Float32Array): void {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  vector.forEach((x, i) => {
    vector[i] = x / Math.max(norm, 1e-12);
  });
}
