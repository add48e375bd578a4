// Types of whoever uses the package: `await using` needs them.
/// <reference lib="esnext.disposable" preserve="true" />
/** Images in, rows out, as everybody calls it: on a page's own thread a worker of its own does it, as in jobs.ts. */

import { expectOptions } from '../arguments.ts';
import { withQueryOnly } from '../checkpoint/contents.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import type { Backend } from '../runtime/backend.ts';
import { isPageThread } from '../runtime/detect.ts';
import type { EmbedderFacts } from '../search/embedder.ts';
import { ENCODER_OPTIONS, type EncoderOptions } from '../search/encoder-options.ts';
import { type EncoderSource, type PostableSource, postableSource } from '../search/encoder-source.ts';
import { type ImageInput, type PostableImage, postable } from '../search/image-input.ts';
import { embedBy, endSoon, packFor, startJob } from './start-job.ts';

/** What does the work. */
interface Host {
  readonly facts: EmbedderFacts;
  embed(images: readonly PostableImage[]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** What is made ready on a page's own thread at once: bitmaps of thousands of elements would fill its memory. */
const IMAGES_A_MESSAGE = 64;

/**
 * A trained encoder: an image in, a row of numbers out, which is near the rows of images that look alike.
 *
 * ```ts
 * await using encoder = await Encoder.load('runs/photos');
 * const row = await encoder.embed('cat.jpg');
 * ```
 */
export class Encoder implements AsyncDisposable {
  readonly #host: Host;

  private constructor(host: Host) {
    this.#host = host;
  }

  /**
   * How images are prepared is as the checkpoint, or the metadata of the ONNX file, says; for a file that says nothing, see
   * `notes`. A file of elsewhere has one input [n, 3, side, side]; its first output, flattened, is the row.
   * @throws MocoError usage, backend-unavailable, data-missing, checkpoint-invalid, shape-mismatch (the checkpoint is not of
   * its network), model-invalid, operator-unsupported (WebGPU), out-of-memory, worker-died
   */
  static async load(source: EncoderSource, options: EncoderOptions = {}): Promise<Encoder> {
    expectOptions('Encoder.load', options, ENCODER_OPTIONS);
    const posted = postableSource(source);
    if (isPageThread()) return new Encoder(await inWorker(posted, options));
    const { Embedder } = await import('../search/embedder.ts');
    return new Encoder(await Embedder.open(posted, options));
  }

  /** Length of a row. */
  get dim(): number {
    return this.#host.facts.dim;
  }

  /** Side in pixels of the square that an image is made into. */
  get imageSize(): number {
    return this.#host.facts.imageSize;
  }

  /** backbone: rows as they are; head: rows of unit length. */
  get features(): FeatureKind {
    return this.#host.facts.features;
  }

  get backend(): Backend {
    return this.#host.facts.backend;
  }

  /** What had to be assumed of a file that says nothing of its images, and broken checkpoints that were skipped, in words. */
  get notes(): readonly string[] {
    return this.#host.facts.notes;
  }

  /**
   * The row [dim] of an image; of several, a row for each, in their order. On wasm these are, bit for bit, what `embedImages`
   * gives of the same files (on native code a head may round a single image otherwise than one of several). Images of any
   * size: they are resized and cropped as for evaluation. In Node and Deno files are decoded on the calling thread.
   * @throws MocoError image-corrupt (which, and why; no image of the call is embedded), usage for what is no image,
   * data-missing for a path or address where nothing is, out-of-memory, worker-died
   */
  embed(image: ImageInput): Promise<Float32Array>;
  embed(images: readonly ImageInput[]): Promise<Float32Array[]>;
  async embed(given: ImageInput | readonly ImageInput[]): Promise<Float32Array | Float32Array[]> {
    const images = Array.isArray(given) ? (given as readonly ImageInput[]) : [given as ImageInput];
    let rows: Float32Array[] = [];
    const atOnce = isPageThread() ? IMAGES_A_MESSAGE : Math.max(1, images.length);
    for (let first = 0; first < images.length; first += atOnce) {
      const some = await Promise.all(images.slice(first, first + atOnce).map(postable));
      rows = rows.concat(await this.#host.embed(some));
    }
    return Array.isArray(given) ? rows : rows[0]!;
  }

  /** Ends its workers. Again: does nothing. */
  async dispose(): Promise<void> {
    await this.#host.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

async function inWorker(source: PostableSource, options: EncoderOptions): Promise<Host> {
  const worker = await startJob();
  try {
    const slim =
      source.kind === 'checkpoint' ? { ...source, checkpoint: withQueryOnly(source.checkpoint) } : source;
    const parcel = await packFor(worker, { source: slim, options });
    const facts = await worker.call((remote) => remote.openEncoder(parcel));
    return {
      facts,
      embed: (images) => embedBy(worker, images),
      async dispose() {
        await worker.call((remote) => remote.close()).catch(() => {});
        endSoon(worker);
      },
    };
  } catch (error) {
    endSoon(worker);
    throw error;
  }
}
