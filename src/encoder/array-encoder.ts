/** An encoder on this thread's WebAssembly or native code, with plain arrays in and out. */
import { MocoError } from '../errors.ts';
import type { Embeddings } from './embeddings.ts';
import { Encoder } from './encoder.ts';
import { floats, type Tensor, tensor } from './ort.ts';
import { rowsOf, type TrainingPlan } from './training-plan.ts';
import { wasmKernelParts } from './wasm-kernel-parts.ts';

/** A GroupForward as arrays. */
export interface ForwardArrays {
  /** [rows, dim], not normalized, of as many rows as a run has images. */
  readonly embedding: Float32Array;
  /** For each BatchNorm layer in graph order: mean [groups of the run, channels], then biased variance, likewise. */
  readonly statistics: readonly Float32Array[];
}

/** Weights as they were given, and the copies of them that sessions read. */
interface CopiedWeights {
  readonly given: readonly Float32Array[];
  readonly copies: readonly Float32Array[];
}

/** What it gives is to be read before its next call: native sessions write their results to the same arrays again. */
export class ArrayEncoder {
  readonly #encoder: Encoder;
  readonly #plan: TrainingPlan;
  readonly #provider: 'wasm' | 'native';
  /** native: onnxruntime-node takes no shared memory. */
  readonly #copied = new Map<string, CopiedWeights>();

  /** @param plan made for that provider */
  constructor(plan: TrainingPlan, provider: 'wasm' | 'native') {
    this.#plan = plan;
    this.#provider = provider;
    const { weightGradient, callKernel } = wasmKernelParts();
    this.#encoder = new Encoder(plan, { provider }, weightGradient, callKernel);
  }

  /**
   * Sets an encoder's weights in the order of the network's parameters. The arrays are kept. wasm: they are read at each
   * run, so that arrays in shared memory need to be given only once; native: at each `weightsChanged`.
   */
  async setWeights(encoder: string, given: readonly Float32Array[]): Promise<void> {
    const { parameters } = this.#encoder;
    let read = given;
    if (this.#provider === 'native') {
      const copies = given.map((array) => Float32Array.from(array));
      this.#copied.set(encoder, { given, copies });
      read = copies;
    }
    const tensors = read.map((array, i) => tensor(this.#provider, array, parameters[i]!.shape));
    this.#encoder.setWeights(encoder, await Promise.all(tensors));
  }

  /** What has changed in the arrays of `setWeights` counts from now on. */
  weightsChanged(encoder: string): void {
    const weights = this.#copied.get(encoder);
    if (!weights) return;
    for (const [i, copy] of weights.copies.entries()) copy.set(weights.given[i]!);
    this.#encoder.weightsChanged(encoder);
  }

  /** Sets the weights of the folded inference graph, by name (see onnx/fold.ts). */
  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    const tensors = new Map<string, Tensor>();
    for (const { name, shape } of this.#encoder.inferenceWeights) {
      const value = values.get(name);
      if (value) tensors.set(name, await tensor(this.#provider, value, shape));
    }
    this.#encoder.setInferenceWeights(tensors);
  }

  /** An encoder on the groups of one run: images [rows, 3, size, size]. */
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
   * @param dEmbedding [rows, dim]
   */
  async backward(dEmbedding: Float32Array): Promise<Float32Array[]> {
    const shape = [rowsOf(this.#plan), this.#encoder.dim];
    const gradient = await tensor(this.#provider, dEmbedding, shape);
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
    return tensor(this.#provider, images, [count, 3, imageSize, imageSize]);
  }
}
