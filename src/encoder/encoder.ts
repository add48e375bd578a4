/**
 * The sessions of one encoder in one place: forward for keys, forward and backward for queries, and the folded
 * inference form. It owns the sessions, and the saved activations between a query's forward and its backward.
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

export type TrainingRole = 'query' | 'key';

/** The key encoder's forward, the query encoder's forward, the parts of its backward, and the folded inference form. */
export type SessionName = TrainingRole | `backward ${number}` | 'inference';

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
  readonly #weights = new Map<TrainingRole | 'inference', Feeds>();
  readonly #sessions = new Map<SessionName, Promise<GraphSession>>();
  /** What the query's backward needs: the image, saved activations, and what the caller got. */
  #saved: Feeds | null = null;

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
    return ['key', 'query', ...parts, 'inference'];
  }

  /** What a session runs. */
  graph(name: SessionName): Graph {
    const { spec, imageSize, place } = this.#options;
    const { forward, backward, statistics } = this.#graphs;
    if (name === 'query') return forward;
    if (name === 'inference') {
      return lowerGraph(foldBatchNorm(buildNetwork(spec, 'batch', imageSize).graph).graph, place.provider);
    }
    if (name !== 'key') return backward[Number(name.slice('backward '.length))]!.graph;
    // Keys need no activations.
    const wanted = new Set(['embedding', ...statistics.flatMap(({ mean, variance }) => [mean, variance])]);
    return { ...forward, outputs: forward.outputs.filter(({ name }) => wanted.has(name)) };
  }

  /**
   * Sets a role's weights in the order of the encoder's parameters. The tensors are kept, not copied, and read at each
   * run: weights in memory that others change need to be given only once.
   */
  setWeights(role: TrainingRole, tensors: readonly Tensor[]): void {
    const named = this.#encoder.parameters.map(({ name }, i) => [name, tensors[i]!]);
    this.#weights.set(role, Object.fromEntries(named));
  }

  /** Sets the weights of the folded inference graph, by name. */
  setInferenceWeights(tensors: ReadonlyMap<string, Tensor>): void {
    this.#weights.set('inference', Object.fromEntries(tensors));
  }

  /** The key encoder on one group: image [groupSize, 3, size, size]. */
  async forwardKey(image: Tensor): Promise<GroupForward> {
    const session = await this.#session('key');
    return this.#groupForward(await session.run(this.#feeds('key', image)));
  }

  /**
   * The query encoder on one group; its activations are kept until `backward` or the next call. `backward` reads the
   * image and may read what this returns: dispose of them after it.
   */
  async forwardQuery(image: Tensor): Promise<GroupForward> {
    this.#release();
    const session = await this.#session('query');
    const outputs = await session.run(this.#feeds('query', image));
    this.#saved = { ...outputs, image };
    return this.#groupForward(outputs);
  }

  /**
   * Gradients of the weights, in the order of the encoder's parameters, for the group that `forwardQuery` saw last.
   * @param dEmbedding [groupSize, dim]
   */
  async backward(dEmbedding: Tensor): Promise<Tensor[]> {
    const saved = this.#saved;
    if (!saved)
      throw new MocoError('usage', 'backward was called without a forward of the query encoder before it');
    const gradients = new Map<string, Tensor>();
    let passedOn = dEmbedding;
    for (const [i, part] of this.#graphs.backward.entries()) {
      const outputs = await this.#runPart(i, part, { ...saved, [part.outputGradient]: passedOn });
      if (passedOn !== dEmbedding) passedOn.dispose();
      for (const [name, output] of part.gradients) gradients.set(name, outputs[output]!);
      if (part.passedOn !== null) passedOn = outputs[part.passedOn]!;
    }
    this.#release();
    return this.#encoder.parameters.map(({ name }) => gradients.get(name)!);
  }

  async #runPart(index: number, { graph }: BackwardPart, values: Feeds): Promise<Record<string, Tensor>> {
    const session = await this.#session(`backward ${index}`);
    const available: Feeds = { ...this.#weightsOf('query'), ...values };
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
    const { embedding, features } = await session.run(this.#feeds('inference', image));
    return { embedding: embedding!, features: features! };
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#release();
    this.#sessions.clear();
    this.#weights.clear();
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

  #weightsOf(role: TrainingRole | 'inference'): Feeds {
    const weights = this.#weights.get(role);
    if (!weights) throw new MocoError('usage', `the encoder has no ${role} weights yet`);
    return weights;
  }

  #feeds(role: TrainingRole | 'inference', image: Tensor): Feeds {
    const { imageSize, groupSize } = this.#options;
    const [batch = 0, ...rest] = image.dims;
    const isImage = String(rest) === String([3, imageSize, imageSize]);
    if (!isImage || batch === 0 || (role !== 'inference' && batch !== groupSize)) {
      const expected = role === 'inference' ? 'n' : groupSize;
      throw new MocoError(
        'shape-mismatch',
        `[${image.dims}] are no images [${expected}, 3, ${imageSize}, ${imageSize}]`,
      );
    }
    return { ...this.#weightsOf(role), image };
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
    const { embedding, statistics } = this.#groupForward(saved);
    const others = new Set<Tensor>([embedding, ...statistics, saved.image!]);
    for (const tensor of Object.values(saved)) if (!others.has(tensor)) tensor.dispose();
  }
}
