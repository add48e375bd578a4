/** Worker script: one encoder that learns, or one from a file that is run as it is, called through comlink. */
import { transfer } from 'comlink';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import { exposeInWorker } from '../runtime/worker.ts';
import { ArrayEncoder, type ForwardArrays } from './array-encoder.ts';
import type { Embeddings } from './embeddings.ts';
import { type ModelPart, ModelSession } from './model-session.ts';
import type { TrainingPlan } from './training-plan.ts';

export class EncoderWorker {
  #encoder: ArrayEncoder | null = null;
  #model: ModelSession | null = null;
  #provider: 'wasm' | 'native' = 'wasm';

  open(plan: TrainingPlan, provider: 'wasm' | 'native'): void {
    this.#provider = provider;
    this.#encoder = new ArrayEncoder(plan, provider);
  }

  async setWeights(encoder: string, arrays: readonly Float32Array[]): Promise<void> {
    await this.#opened().setWeights(encoder, arrays);
  }

  weightsChanged(encoder: string): void {
    this.#opened().weightsChanged(encoder);
  }

  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    await this.#opened().setInferenceWeights(values);
  }

  async forward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    return copied(await this.#opened().forward(encoder, images));
  }

  async trainingForward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    return copied(await this.#opened().trainingForward(encoder, images));
  }

  /** @param into shared arrays that take the gradients; null: they are returned, moved to the caller */
  async backward(
    dEmbedding: Float32Array,
    into: readonly Float32Array[] | null,
  ): Promise<Float32Array[] | null> {
    const gradients = await this.#opened().backward(dEmbedding);
    if (into) {
      for (const [i, gradient] of gradients.entries()) into[i]!.set(gradient);
      return null;
    }
    // Native sessions write to their arrays again.
    const given = this.#provider === 'native' ? gradients.map((values) => values.slice()) : gradients;
    const buffers = given.map(({ buffer }) => buffer as ArrayBuffer);
    return transfer(given, buffers);
  }

  async embed(images: Float32Array): Promise<Embeddings> {
    const { embedding, features } = await this.#opened().embed(images);
    return transfer({ embedding, features }, [
      embedding.buffer as ArrayBuffer,
      features.buffer as ArrayBuffer,
    ]);
  }

  async openModel(part: ModelPart, provider: 'wasm' | 'native'): Promise<void> {
    this.#model = await ModelSession.open(part, { provider });
  }

  async runModel(images: Float32Array): Promise<Float32Array> {
    if (!this.#model) throw new Error('the encoder worker was called before openModel()');
    const rows = await this.#model.run(images);
    return transfer(rows, [rows.buffer as ArrayBuffer]);
  }

  #opened(): ArrayEncoder {
    if (!this.#encoder) throw new Error('the encoder worker was called before open()');
    return this.#encoder;
  }
}

/** What is small, and may be written to again, or be read by backward: copies go. */
function copied({ embedding, statistics }: ForwardArrays): ForwardArrays {
  return { embedding: embedding.slice(), statistics: statistics.map((values) => values.slice()) };
}

keepErrorCodes();
void exposeInWorker(new EncoderWorker());
