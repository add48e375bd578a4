/** Worker script: one encoder, called through comlink. Results are moved, not copied, to the caller. */
import { transfer } from 'comlink';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import { exposeInWorker } from '../runtime/worker.ts';
import { ArrayEncoder, type ForwardArrays } from './array-encoder.ts';
import type { Embeddings } from './embeddings.ts';
import type { TrainingPlan } from './training-plan.ts';

export class EncoderWorker {
  #encoder: ArrayEncoder | null = null;

  open(plan: TrainingPlan): void {
    this.#encoder = new ArrayEncoder(plan);
  }

  async setWeights(encoder: string, arrays: readonly Float32Array[]): Promise<void> {
    await this.#opened().setWeights(encoder, arrays);
  }

  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    await this.#opened().setInferenceWeights(values);
  }

  async forward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    return moveForward(await this.#opened().forward(encoder, images));
  }

  async trainingForward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    const { embedding, statistics } = await this.#opened().trainingForward(encoder, images);
    // Backward may read them, so they stay here and copies go.
    return moveForward({
      embedding: embedding.slice(),
      statistics: statistics.map((values) => values.slice()),
    });
  }

  async backward(dEmbedding: Float32Array): Promise<Float32Array[]> {
    const gradients = await this.#opened().backward(dEmbedding);
    return transfer(
      gradients,
      gradients.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  async embed(images: Float32Array): Promise<Embeddings> {
    const result = await this.#opened().embed(images);
    return transfer(result, [result.embedding.buffer as ArrayBuffer, result.features.buffer as ArrayBuffer]);
  }

  #opened(): ArrayEncoder {
    if (!this.#encoder) throw new Error('the encoder worker was called before open()');
    return this.#encoder;
  }
}

function moveForward(result: ForwardArrays): ForwardArrays {
  const buffers = [result.embedding, ...result.statistics].map(({ buffer }) => buffer as ArrayBuffer);
  return transfer(result, buffers);
}

keepErrorCodes();
await exposeInWorker(new EncoderWorker());
