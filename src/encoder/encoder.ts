/**
 * The sessions of one network in one place: forward alone, forward and backward, and the folded inference form. Encoders
 * that share the network, known by name, differ in their weights. It owns the sessions, and the activations that a forward
 * has saved for its backward.
 */
import { lowerGraph } from '../autodiff/lower.ts';
import {
  type BackwardPart,
  graphsWithin,
  peakOf,
  type RecomputeLevel,
  savedBytes,
  type TrainingGraphs,
  trainingGraphs,
} from '../autodiff/training-graphs.ts';
import { MocoError } from '../errors.ts';
import type { Encoder as EncoderGraph } from '../onnx/encoder-graph.ts';
import { foldBatchNorm } from '../onnx/fold.ts';
import type { Graph } from '../onnx/graph.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import { createSession, type Feeds, type GraphSession, type SessionPlace, type Tensor } from './ort.ts';
import { type MemoryUse, WASM_BUDGET, WASM_MOST } from './recompute.ts';

export interface EncoderOptions {
  readonly spec: NetworkSpec;
  /** Images of one group: the batch that training graphs are built for. */
  readonly groupSize: number;
  readonly imageSize: number;
  readonly place: SessionPlace;
  /** What the backward pass computes again; by default as little as the memory allows. */
  readonly recompute?: RecomputeLevel;
}

/** Tensors that are where the sessions run; whoever gets them disposes of them. */
export interface GroupForward {
  /** [groupSize, dim], not normalised. */
  readonly embedding: Tensor;
  /** For each BatchNorm layer in graph order: mean [channels], then biased variance [channels]. */
  readonly statistics: readonly Tensor[];
}

/** Forward alone, forward that saves activations, the parts of its backward, and the folded inference form. */
export type SessionName = 'forward' | 'training forward' | `backward ${number}` | 'inference';

/**
 * What the values of a run may take, in bytes. wasm: a heap has 4 GiB, never shrinks, and serves all sessions of an
 * encoder; onnxruntime's order of nodes and its allocator take up to 1.8 times what the values do (docs/performance.md).
 * webgpu: nothing tells how large the memory is; devices allow single buffers of a good part of it.
 */
function budgetOf(place: SessionPlace): [budget: number, most: number] {
  if (place.provider === 'wasm') return [WASM_BUDGET, WASM_MOST];
  const guess = 4 * place.device.limits.maxBufferSize;
  return [guess, guess];
}

export class Encoder {
  readonly #options: EncoderOptions;
  readonly #encoder: EncoderGraph;
  readonly #graphs: TrainingGraphs & { readonly level: RecomputeLevel };
  readonly #weights = new Map<string, Feeds>();
  #inferenceWeights: Feeds | null = null;
  readonly #sessions = new Map<SessionName, Promise<GraphSession>>();
  /** What the next backward needs: weights, the image, saved activations, and what the caller got. */
  #saved: { readonly weights: Feeds; readonly values: Feeds } | null = null;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#encoder = buildNetwork(options.spec, options.groupSize, options.imageSize);
    const { recompute, place } = options;
    const training = {
      graph: this.#encoder.graph,
      parameters: this.#encoder.parameters.map(({ name }) => name),
      provider: place.provider,
    };
    this.#graphs = recompute
      ? { ...trainingGraphs({ ...training, level: recompute }), level: recompute }
      : graphsWithin(training, ...budgetOf(place));
  }

  /** Shapes of the weights, in the order of the encoder's parameters. */
  get weightShapes(): readonly (readonly number[])[] {
    return this.#encoder.parameters.map(({ shape }) => shape);
  }

  get memory(): MemoryUse {
    const { level } = this.#graphs;
    const keptPerImage = savedBytes(this.#graphs) / this.#options.groupSize;
    return { level, keptPerImage, peak: peakOf(this.#graphs) };
  }

  /** Length of the embedding. */
  get dim(): number {
    return this.#encoder.dim;
  }

  /** Names and shapes of the weights of the folded inference graph (see onnx/fold.ts). */
  get inferenceWeightShapes(): ReadonlyMap<string, readonly number[]> {
    const inputs = this.graph('inference').inputs.filter(({ name }) => name !== 'image');
    return new Map(inputs.map(({ name, shape }) => [name, shape.map(Number)]));
  }

  /** All sessions that there can be. */
  get sessionNames(): readonly SessionName[] {
    const parts = this.#graphs.backward.map((_, part): SessionName => `backward ${part}`);
    return ['forward', 'training forward', ...parts, 'inference'];
  }

  /** What a session runs. */
  graph(name: SessionName): Graph {
    const { spec, imageSize, place } = this.#options;
    const { forward, backward, statistics } = this.#graphs;
    if (name === 'training forward') return forward;
    if (name === 'inference') {
      return lowerGraph(foldBatchNorm(buildNetwork(spec, 'batch', imageSize).graph).graph, place.provider);
    }
    if (name !== 'forward') return backward[Number(name.slice('backward '.length))]!.graph;
    const wanted = new Set(['embedding', ...statistics.flatMap(({ mean, variance }) => [mean, variance])]);
    return { ...forward, outputs: forward.outputs.filter(({ name }) => wanted.has(name)) };
  }

  /**
   * Sets an encoder's weights in the order of the network's parameters. The tensors are kept, not copied, and read at each
   * run: weights in memory that others change need to be given only once.
   */
  setWeights(encoder: string, tensors: readonly Tensor[]): void {
    const named = this.#encoder.parameters.map(({ name }, i) => [name, tensors[i]!]);
    this.#weights.set(encoder, Object.fromEntries(named));
  }

  /** Sets the weights of the folded inference graph, by name. */
  setInferenceWeights(tensors: ReadonlyMap<string, Tensor>): void {
    this.#inferenceWeights = Object.fromEntries(tensors);
  }

  /** An encoder on one group: image [groupSize, 3, size, size]. */
  async forward(encoder: string, image: Tensor): Promise<GroupForward> {
    const session = await this.#session('forward');
    return this.#groupForward(await session.run({ ...this.#weightsOf(encoder), ...this.#group(image) }));
  }

  /**
   * An encoder on one group; its activations are kept until `backward` or the next call. `backward` reads the image and may
   * read what this returns: dispose of them after it.
   */
  async trainingForward(encoder: string, image: Tensor): Promise<GroupForward> {
    this.#release();
    const session = await this.#session('training forward');
    const weights = this.#weightsOf(encoder);
    const outputs = await session.run({ ...weights, ...this.#group(image) });
    this.#saved = { weights, values: { ...outputs, image } };
    return this.#groupForward(outputs);
  }

  /**
   * Gradients of the weights, in the order of the network's parameters, for encoder and group of the last `trainingForward`.
   * @param dEmbedding [groupSize, dim]
   */
  async backward(dEmbedding: Tensor): Promise<Tensor[]> {
    const saved = this.#saved;
    if (!saved) throw new MocoError('usage', 'backward was called without a training forward before it');
    const gradients = new Map<string, Tensor>();
    let passedOn = dEmbedding;
    for (const [i, part] of this.#graphs.backward.entries()) {
      const available = { ...saved.weights, ...saved.values, [part.outputGradient]: passedOn };
      const outputs = await this.#runPart(i, part, available);
      if (passedOn !== dEmbedding) passedOn.dispose();
      for (const [name, output] of part.gradients) gradients.set(name, outputs[output]!);
      if (part.passedOn !== null) passedOn = outputs[part.passedOn]!;
    }
    this.#release();
    return this.#encoder.parameters.map(({ name }) => gradients.get(name)!);
  }

  async #runPart(index: number, { graph }: BackwardPart, available: Feeds): Promise<Record<string, Tensor>> {
    const session = await this.#session(`backward ${index}`);
    const feeds: Record<string, Tensor> = {};
    for (const { name } of graph.inputs) {
      const value = available[name];
      if (!value) throw new MocoError('model-invalid', `the backward graph wants ${name}, which nobody has`);
      feeds[name] = value;
    }
    return session.run(feeds);
  }

  /** The inference form on any number of images [n, 3, size, size]: embedding [n, dim] and features [n, featureDim]. */
  async embed(image: Tensor): Promise<{ embedding: Tensor; features: Tensor }> {
    const session = await this.#session('inference');
    if (!this.#inferenceWeights) throw new MocoError('usage', 'the encoder has no inference weights yet');
    const { embedding, features } = await session.run({ ...this.#inferenceWeights, ...this.#images(image) });
    return { embedding: embedding!, features: features! };
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#release();
    this.#sessions.clear();
    this.#weights.clear();
    this.#inferenceWeights = null;
    for (const result of await Promise.allSettled(sessions)) {
      // What could not be made has told whoever wanted it.
      if (result.status === 'fulfilled') await result.value.dispose();
    }
  }

  #session(name: SessionName): Promise<GraphSession> {
    let session = this.#sessions.get(name);
    if (!session) {
      // Embeddings go to whoever asked; everything else is for other sessions and kernels.
      session = createSession(this.graph(name), this.#options.place, { keepOnDevice: name !== 'inference' });
      this.#sessions.set(name, session);
    }
    return session;
  }

  #weightsOf(encoder: string): Feeds {
    const weights = this.#weights.get(encoder);
    if (!weights) throw new MocoError('usage', `${encoder} has no weights yet`);
    return weights;
  }

  #group(image: Tensor): Feeds {
    return this.#images(image, this.#options.groupSize);
  }

  /** @param count how many there have to be; left out: any number */
  #images(image: Tensor, count?: number): Feeds {
    const { imageSize } = this.#options;
    const [batch = 0, ...rest] = image.dims;
    const isImage = String(rest) === String([3, imageSize, imageSize]);
    if (!isImage || batch === 0 || (count !== undefined && batch !== count)) {
      throw new MocoError(
        'shape-mismatch',
        `[${image.dims}] are no images [${count ?? 'n'}, 3, ${imageSize}, ${imageSize}]`,
      );
    }
    return { image };
  }

  #groupForward(outputs: Readonly<Record<string, Tensor>>): GroupForward {
    return {
      embedding: outputs.embedding!,
      statistics: this.#graphs.statistics.flatMap(({ mean, variance }) => [
        outputs[mean]!,
        outputs[variance]!,
      ]),
    };
  }

  /** Disposes of the saved activations, but not of what the caller got, or gave. */
  #release(): void {
    const saved = this.#saved;
    this.#saved = null;
    if (!saved) return;
    const { values } = saved;
    const { embedding, statistics } = this.#groupForward(values);
    const others = new Set<Tensor>([embedding, ...statistics, values.image!]);
    for (const tensor of Object.values(values)) if (!others.has(tensor)) tensor.dispose();
  }
}
