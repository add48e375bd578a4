/** Images → rows, by the encoder of a checkpoint or of an ONNX file: what `Encoder` of page/encoder.ts does, on this thread. */
import { type LoadedCheckpoint, loadCheckpoint } from '../checkpoint/run-directory.ts';
import { evaluationView } from '../data/augment/augment.ts';
import { Canvas } from '../data/augment/canvas.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { openEncoders, toUnitLength } from '../evaluate/evaluate-checkpoint.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { type Preprocessing, preprocessingOf } from '../models/preprocessing.ts';
import { MAX_MODEL_BYTES } from '../onnx/limits.ts';
import { type Backend, chooseBackend } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import { readBytes } from '../runtime/read-bytes.ts';
import { startModelEncoders } from '../scheduler/model-encoders.ts';
import { requireWorkerCounts } from '../scheduler/worker-counts.ts';
import type { EncoderOptions } from './encoder-options.ts';
import type { PostableSource } from './encoder-source.ts';
import { decoded, nameOf, type PostableImage } from './image-input.ts';
import { networkInFile, refuseOptions } from './model-network.ts';

export interface EmbedderFacts {
  /** Length of a row. */
  readonly dim: number;
  /** Side in pixels of the square that an image is made into. */
  readonly imageSize: number;
  readonly features: FeatureKind;
  readonly backend: Backend;
  /** What had to be assumed, in words. */
  readonly notes: readonly string[];
}

/** The network, wherever it came from. */
interface Network {
  readonly preprocessing: Preprocessing;
  readonly features: FeatureKind;
  readonly notes: readonly string[];
  /** How many calls are run side by side. */
  readonly parallel: number;
  /** [n, 3, size, size] → [n, dim] */
  run(images: () => Promise<Float32Array>): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export class Embedder {
  readonly facts: EmbedderFacts;
  readonly #network: Network;
  readonly #canvas: Canvas;
  #disposed = false;

  private constructor(facts: EmbedderFacts, network: Network, canvas: Canvas) {
    this.facts = facts;
    this.#network = network;
    this.#canvas = canvas;
  }

  static async open(source: PostableSource, options: EncoderOptions): Promise<Embedder> {
    requireWorkerCounts({ workers: options.workers });
    const { backend } = await chooseBackend(options.backend ?? 'auto');
    const workers = options.workers ?? (await coreCount());
    const network = await openNetwork(source, backend, workers, options);
    try {
      const { preprocessing, features, notes } = network;
      const { imageSize } = preprocessing;
      // A blank image tells the length of a row, and now is when to hear of an encoder that does not run.
      const { length: dim } = await network.run(async () => new Float32Array(3 * imageSize * imageSize));
      const facts = { dim, imageSize, features, backend, notes };
      return new Embedder(facts, network, await Canvas.open());
    } catch (error) {
      await network.dispose().catch(() => {});
      throw error;
    }
  }

  /** A row for each image. @throws as `Encoder.embed` */
  async embed(images: readonly PostableImage[]): Promise<Float32Array[]> {
    if (this.#disposed) throw new MocoError('usage', 'the encoder has been disposed of');
    const { imageSize, dim } = this.facts;
    const { length } = images;
    // One for each worker, but of two images at least: native code multiplies a single row in another order.
    const shares = Math.min(this.#network.parallel, Math.floor(length / 2));
    const count = Math.max(shares, Math.ceil(length / embeddingBatch(imageSize)));
    const rows: Float32Array[] = new Array(length);
    const batches: Promise<void>[] = [];
    for (let batch = 0; batch < count; batch++) {
      const first = Math.floor((batch * length) / count);
      const some = images.slice(first, Math.floor(((batch + 1) * length) / count));
      const run = this.#network.run(() => this.#views(some, first, length));
      batches.push(
        run.then((values) => {
          requireFinite(values, first, some.length);
          for (let row = 0; row < some.length; row++) {
            rows[first + row] = values.slice(row * dim, (row + 1) * dim);
          }
        }),
      );
    }
    // No worker is at work for a call that has failed; and bitmaps, which are copies of ours, are read again where one dies.
    const outcomes = await Promise.allSettled(batches);
    for (const image of images) if (image.kind === 'bitmap') image.bitmap.close();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return rows;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#network.dispose();
  }

  async #views(images: readonly PostableImage[], first: number, all: number): Promise<Float32Array> {
    const { preprocessing } = this.#network;
    const { imageSize } = preprocessing;
    const length = 3 * imageSize * imageSize;
    const views = new Float32Array(images.length * length);
    for (const [row, image] of images.entries()) {
      const pixels = await decoded(image).catch((error: unknown) => {
        if (!(error instanceof MocoError) || error.code === 'data-missing') throw error;
        const which = all > 1 ? `image ${first + row}` : 'the image';
        throw new MocoError(error.code, `${which} (${nameOf(image)}): ${error.message}`, { cause: error });
      });
      evaluationView(this.#canvas, pixels, preprocessing, imageSize, views, row * length, preprocessing);
    }
    return views;
  }
}

/** @throws MocoError features-not-finite */
function requireFinite(values: Float32Array, first: number, images: number): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const image = first + Math.floor(bad / (values.length / images));
  const what = `the encoder gives ${values[bad]} for image ${image}, which can be read`;
  throw new MocoError('features-not-finite', `${what}: its weights have gone wrong`);
}

async function openNetwork(
  source: PostableSource,
  backend: Backend,
  workers: number,
  options: EncoderOptions,
): Promise<Network> {
  switch (source.kind) {
    case 'run':
      return ofCheckpoint(await loadCheckpoint(source.path), backend, workers, options);
    case 'checkpoint':
      return ofCheckpoint(source.checkpoint, backend, workers, options);
    case 'place':
      return ofModel(await readBytes(source.place, MAX_MODEL_BYTES), backend, workers, options);
    case 'file':
      return ofModel(new Uint8Array(await source.file.arrayBuffer()), backend, workers, options);
    case 'bytes':
      return ofModel(source.bytes, backend, workers, options);
  }
}

async function ofCheckpoint(
  checkpoint: LoadedCheckpoint,
  backend: Backend,
  workers: number,
  options: EncoderOptions,
): Promise<Network> {
  refuseOptions(options, 'the checkpoint');
  const { features = 'backbone' } = options;
  if (features !== 'backbone' && features !== 'head') {
    throw new MocoError('usage', `features is '${features}': choose backbone or head`);
  }
  const { encoders, dispose } = await openEncoders({ checkpoint, backend, workers });
  return {
    preprocessing: preprocessingOf(checkpoint.state.config),
    features,
    notes: checkpoint.skipped.map(
      ({ directory, reason }) => `skipped broken checkpoint ${directory}: ${reason}`,
    ),
    parallel: encoders.parallel,
    async run(images) {
      let count = 0;
      const outcome = await encoders.embed(async () => {
        const values = await images();
        count = values.length / (3 * checkpoint.state.config.imageSize ** 2);
        return values;
      });
      if (features === 'backbone') return outcome.features;
      const dim = outcome.embedding.length / count;
      for (let row = 0; row < count; row++)
        toUnitLength(outcome.embedding.subarray(row * dim, (row + 1) * dim));
      return outcome.embedding;
    },
    dispose,
  };
}

async function ofModel(
  bytes: Uint8Array,
  backend: Backend,
  workers: number,
  options: EncoderOptions,
): Promise<Network> {
  const { part, ...facts } = networkInFile(bytes, backend, options.features, options);
  return { ...facts, ...(await startModelEncoders(part, backend, workers)) };
}
