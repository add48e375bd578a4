/**
 * GroupEncoders on the WebGPU provider: one encoder on the kernels' device, one run after the other. Weights, images,
 * activations and gradients stay in GPU buffers, and nothing waits for the GPU: what is issued first is done first.
 */
import type { Embeddings } from '../encoder/embeddings.ts';
import { Encoder } from '../encoder/encoder.ts';
import { makePlan, onWebGpu, type PlanOptions } from '../encoder/make-plan.ts';
import { floats, gpuTensor, type Tensor, tensor } from '../encoder/ort.ts';
import { rowsOf, type TrainingPlan } from '../encoder/training-plan.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WebGpuKernels } from '../kernels/webgpu/webgpu-kernels.ts';
import type { ArraySum, GroupArrays, GroupEncoders, Tiles } from './group-encoders.ts';
import { Semaphore } from './semaphore.ts';
import { Sequencer } from './sequencer.ts';
import { type WeightGradientSums, webGpuWeightGradient } from './webgpu-weight-gradient.ts';

/** What the activations of one run take: an encoder that keeps them, and its images, which the backward reads again. */
interface Slot {
  readonly encoder: Encoder;
  readonly images: DeviceArray;
}

/** A run between its forward and its backward. */
interface Forward {
  readonly encoder: Encoder;
  readonly embedding: DeviceArray;
  readonly lent: GroupArrays;
  readonly statistics: GroupArrays;
}

export class WebGpuEncoders implements GroupEncoders {
  readonly parallel = 1;
  readonly plan: TrainingPlan;
  readonly tiles: Tiles;
  readonly #kernels: WebGpuKernels;
  /** As many as there are runs whose activations are kept at once. The first does all that keeps none. */
  readonly #slots: readonly Slot[];
  /** Those that hold no activations; taken from the end. */
  readonly #free: Slot[];
  readonly #freed: Semaphore;
  /** Weights of the folded inference form. */
  #inference: DeviceArray[] = [];
  readonly #sequencer: Sequencer;
  /** Takes the gradients of the run whose turn it is, by the names of their weights. */
  #adding: WeightGradientSums | null = null;

  /**
   * @param prefetch runs whose images are made while others are encoded
   * @param together runs whose activations are kept at once
   * @param tiles of weight gradients
   */
  private constructor(
    kernels: WebGpuKernels,
    plan: TrainingPlan,
    prefetch: number,
    together: number,
    tiles: Tiles,
  ) {
    this.#kernels = kernels;
    this.tiles = tiles;
    this.#sequencer = new Sequencer(prefetch);
    const { device } = kernels;
    this.plan = plan;
    const length = rowsOf(plan) * 3 * plan.imageSize ** 2;
    const weightGradient = webGpuWeightGradient(kernels, tiles.choice, () => this.#adding!);
    this.#slots = Array.from({ length: together }, () => ({
      encoder: new Encoder(this.plan, { provider: 'webgpu', device }, weightGradient),
      images: kernels.allocate(length),
    }));
    this.#free = this.#slots.toReversed();
    this.#freed = new Semaphore(together);
  }

  /** @param tilesFor chooses tiles of weight gradients, which may take a second on the GPU */
  static async start(
    kernels: WebGpuKernels,
    options: PlanOptions,
    prefetch: number,
    together: number,
    tilesFor: (plan: TrainingPlan) => Promise<Tiles>,
  ): Promise<WebGpuEncoders> {
    const plan = makePlan(options, onWebGpu(kernels.device));
    return new WebGpuEncoders(kernels, plan, prefetch, together, await tilesFor(plan));
  }

  get #encoder(): Encoder {
    return this.#slots[0]!.encoder;
  }

  async attachWeights(encoder: string, weights: readonly DeviceArray[]): Promise<void> {
    const { parameters } = this.#encoder;
    const tensors = await Promise.all(
      weights.map((array, i) => gpuTensor(this.#kernels.buffer(array), parameters[i]!.shape)),
    );
    for (const slot of this.#slots) slot.encoder.setWeights(encoder, tensors);
  }

  /** Sessions read the kernels' own buffers. */
  async weightsChanged(): Promise<void> {}

  forward(
    encoder: string,
    images: () => Promise<Float32Array>,
    done: (embedding: DeviceArray) => void,
  ): Promise<GroupArrays> {
    return this.#sequencer.run(images, async (values) => {
      const { embedding, statistics } = await this.#kernels.wait(
        this.#encoder.forward(encoder, await this.#image(this.#slots[0]!.images, values)),
      );
      const lent = this.#arrays([embedding]);
      const kept = this.#arrays(statistics);
      try {
        done(lent.wrapped[0]!);
        return kept;
      } catch (error) {
        kept.release();
        throw error;
      } finally {
        lent.release();
      }
    });
  }

  async train(
    encoder: string,
    images: () => Promise<Float32Array>,
    ready: Promise<unknown>,
    loss: (embedding: DeviceArray) => DeviceArray,
    sum: ArraySum,
    embedded?: (embedding: DeviceArray) => void,
  ): Promise<{ statistics: GroupArrays; gradients: null }> {
    // Where `ready` waits for nothing that comes later, both halves are one turn, and one slot is enough.
    if (!embedded) {
      return this.#sequencer.run(images, async (values) => {
        const forward = await this.#trainingForward(this.#slots[0]!, encoder, values);
        return this.#backward(forward, ready, loss, sum);
      });
    }
    await this.#freed.acquire();
    const slot = this.#free.pop()!;
    try {
      const forward = await this.#sequencer.run(images, async (values) => {
        const made = await this.#trainingForward(slot, encoder, values);
        embedded(made.embedding);
        return made;
      });
      // Whether it fails or not, the memory is given back in the turn below.
      await ready.catch(() => {});
      return await this.#sequencer.run(
        async () => {},
        () => this.#backward(forward, ready, loss, sum),
      );
    } finally {
      this.#free.push(slot);
      this.#freed.release();
    }
  }

  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    const former = this.#inference;
    const arrays: DeviceArray[] = [];
    const tensors = new Map<string, Tensor>();
    try {
      for (const { name, shape } of this.#encoder.inferenceWeights) {
        const value = values.get(name);
        if (!value) continue;
        const array = this.#kernels.allocate(value.length);
        arrays.push(array);
        this.#kernels.write(array, value);
        tensors.set(name, await gpuTensor(this.#kernels.buffer(array), shape));
      }
    } catch (error) {
      // The weights of before are still there, and in use.
      for (const array of arrays) this.#kernels.free(array);
      throw error;
    }
    this.#encoder.setInferenceWeights(tensors);
    this.#inference = arrays;
    for (const array of former) this.#kernels.free(array);
  }

  embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#sequencer.run(images, async (values) => {
      const { imageSize } = this.plan;
      const count = values.length / (3 * imageSize * imageSize);
      const image = await tensor('webgpu', values, [count, 3, imageSize, imageSize]);
      const { embedding, features } = await this.#kernels.wait(this.#encoder.embed(image));
      return { embedding: floats(embedding), features: floats(features) };
    });
  }

  async dispose(): Promise<void> {
    await this.#sequencer.finish();
    for (const array of [...this.#slots.map(({ images }) => images), ...this.#inference])
      this.#kernels.free(array);
    this.#inference = [];
    for (const { encoder } of this.#slots) await encoder.dispose();
  }

  async #trainingForward({ encoder, images }: Slot, name: string, values: Float32Array): Promise<Forward> {
    const { embedding, statistics } = await this.#kernels.wait(
      encoder.trainingForward(name, await this.#image(images, values)),
    );
    const lent = this.#arrays([embedding]);
    return { encoder, embedding: lent.wrapped[0]!, lent, statistics: this.#arrays(statistics) };
  }

  /** Runs come in the order in which they are added: each adds to the sum before the next one begins. */
  async #backward(
    { encoder, embedding, lent, statistics }: Forward,
    ready: Promise<unknown>,
    loss: (embedding: DeviceArray) => DeviceArray,
    sum: ArraySum,
  ): Promise<{ statistics: GroupArrays; gradients: null }> {
    try {
      await ready;
      const shape = [rowsOf(this.plan), encoder.dim];
      const dEmbedding = this.#kernels.buffer(loss(embedding));
      const { parameters } = this.plan;
      const byName = new Map(parameters.map(({ name }, i) => [name, sum.arrays[i]!]));
      this.#adding = { of: (weight) => byName.get(weight)!, add: sum.begun };
      const gradients = await this.#kernels.wait(encoder.backward(await gpuTensor(dEmbedding, shape)));
      this.#addRest(gradients, sum);
      sum.begun = true;
      return { statistics, gradients: null };
    } catch (error) {
      statistics.release();
      throw error;
    } finally {
      lent.release();
    }
  }

  /** Adds the gradients that no kernel has added. */
  #addRest(gradients: readonly (Tensor | null)[], { arrays, begun }: ArraySum): void {
    const given = gradients.flatMap((gradient, i) => (gradient ? [{ gradient, sum: arrays[i]! }] : []));
    const rest = this.#arrays(given.map(({ gradient }) => gradient));
    const sums = given.map(({ sum }) => sum);
    try {
      if (begun) rest.addTo(sums);
      else rest.copyTo(sums);
    } finally {
      rest.release();
    }
  }

  /** The images of a run, in the one buffer that all runs of a slot use in turn. */
  #image(images: DeviceArray, values: Float32Array): Promise<Tensor> {
    const { imageSize } = this.plan;
    this.#kernels.write(images, values);
    return gpuTensor(this.#kernels.buffer(images), [rowsOf(this.plan), 3, imageSize, imageSize]);
  }

  /** Tensors as kernel arrays, for as long as nobody releases them. */
  #arrays(tensors: readonly Tensor[]): GroupArrays & { readonly wrapped: readonly DeviceArray[] } {
    const kernels = this.#kernels;
    const wrapped = tensors.map(({ gpuBuffer, size }) => kernels.wrap(gpuBuffer as GPUBuffer, size));
    return {
      wrapped,
      copyTo: (targets) => kernels.accumulate({ sums: targets, xs: wrapped, add: false }),
      addTo: (sums) => kernels.accumulate({ sums, xs: wrapped }),
      release() {
        for (const array of wrapped) kernels.free(array);
        // The buffers go back to onnxruntime, whose next commands come after what was issued on them here.
        for (const value of tensors) value.dispose();
      },
    };
  }
}
