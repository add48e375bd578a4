/** An encoder on this thread's WebAssembly, with plain arrays in and out. */
import { MocoError } from '../errors.ts';
import type { Embeddings } from './embeddings.ts';
import { Encoder } from './encoder.ts';
import { floats, type Tensor, tensor } from './ort.ts';
import type { TrainingPlan } from './training-plan.ts';

/** A GroupForward as arrays. */
export interface ForwardArrays {
  /** [groupSize, dim], not normalized. */
  readonly embedding: Float32Array;
  /** For each BatchNorm layer in graph order: mean [channels], then biased variance [channels]. */
  readonly statistics: readonly Float32Array[];
}

export class ArrayEncoder {
  readonly #encoder: Encoder;
  readonly #plan: TrainingPlan;

  /** @param plan made for wasm */
  constructor(plan: TrainingPlan) {
    this.#plan = plan;
    this.#encoder = new Encoder(plan, { provider: 'wasm' });
  }

  /**
   * Sets an encoder's weights in the order of the network's parameters. The arrays are kept, not copied, and read at each
   * run: arrays in shared memory need to be given only once.
   */
  async setWeights(encoder: string, arrays: readonly Float32Array[]): Promise<void> {
    const { parameters } = this.#encoder;
    const tensors = arrays.map((array, i) => tensor('wasm', array, parameters[i]!.shape));
    this.#encoder.setWeights(encoder, await Promise.all(tensors));
  }

  /** Sets the weights of the folded inference graph, by name (see onnx/fold.ts). */
  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    const tensors = new Map<string, Tensor>();
    for (const { name, shape } of this.#encoder.inferenceWeights) {
      const value = values.get(name);
      if (value) tensors.set(name, await tensor('wasm', value, shape));
    }
    this.#encoder.setInferenceWeights(tensors);
  }

  /** An encoder on one group: images [groupSize, 3, size, size]. */
  async forward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    const { embedding, statistics } = await this.#encoder.forward(encoder, await this.#image(images));
    return { embedding: floats(embedding), statistics: statistics.map(floats) };
  }

  /** The same with activations kept. `backward` reads what this returns: leave it as it is until then. */
  async trainingForward(encoder: string, images: Float32Array): Promise<ForwardArrays> {
    const image = await this.#image(images);
    const { embedding, statistics } = await this.#encoder.trainingForward(encoder, image);
    return { embedding: floats(embedding), statistics: statistics.map(floats) };
  }

  /**
   * Gradients of the weights, in the order of the network's parameters, for the group of the last `trainingForward`.
   * @param dEmbedding [groupSize, dim]
   */
  async backward(dEmbedding: Float32Array): Promise<Float32Array[]> {
    const gradient = await tensor('wasm', dEmbedding, [this.#plan.groupSize, this.#encoder.dim]);
    return (await this.#encoder.backward(gradient)).map(floats);
  }

  /** The inference form on any number of images [n, 3, size, size]. */
  async embed(images: Float32Array): Promise<Embeddings> {
    const { embedding, features } = await this.#encoder.embed(await this.#image(images));
    return { embedding: floats(embedding), features: floats(features) };
  }

  dispose(): Promise<void> {
    return this.#encoder.dispose();
  }

  #image(images: Float32Array): Promise<Tensor> {
    const { imageSize } = this.#plan;
    const count = images.length / (3 * imageSize * imageSize);
    if (!Number.isInteger(count)) {
      throw new MocoError(
        'shape-mismatch',
        `${images.length} values are no [n, 3, ${imageSize}, ${imageSize}] images`,
      );
    }
    return tensor('wasm', images, [count, 3, imageSize, imageSize]);
  }
}
