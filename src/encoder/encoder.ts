/**
 * The sessions of one encoder on one worker: forward for keys, forward and backward for queries, and the folded
 * inference form. It owns the sessions, the weights it was last given, and the saved activations between a query's
 * forward and its backward.
 */
import { differentiate, type Gradient } from '../autodiff/differentiate.ts';
import type { Provider } from '../autodiff/lowering.ts';
import { MocoError } from '../errors.ts';
import { foldBatchNorm } from '../onnx/fold.ts';
import type { Graph } from '../onnx/graph.ts';
import { buildResNet, type Encoder as EncoderGraph, type ResNetSpec } from '../onnx/resnet.ts';
import { createSession, type GraphSession, type Tensor, tensor } from './ort.ts';

export interface EncoderOptions {
  readonly spec: ResNetSpec;
  /** Images of one group: the batch that training graphs are built for. */
  readonly groupSize: number;
  readonly imageSize: number;
  readonly provider: Provider;
}

export interface GroupForward {
  /** [groupSize, dim], not normalised. */
  readonly embedding: Float32Array;
  /** For each BatchNorm layer in graph order: mean [channels], then biased variance [channels]. */
  readonly statistics: Float32Array[];
}

export interface Embeddings {
  /** [n, dim], not normalised. */
  readonly embedding: Float32Array;
  /** [n, featureDim]: the backbone after global average pooling. */
  readonly features: Float32Array;
}

export type TrainingRole = 'query' | 'key';

export class Encoder {
  readonly #options: EncoderOptions;
  readonly #encoder: EncoderGraph;
  readonly #gradient: Gradient;
  readonly #weights = new Map<TrainingRole | 'inference', Map<string, Tensor>>();
  readonly #sessions = new Map<string, Promise<GraphSession>>();
  /** Saved activations of the query forward that awaits its backward. */
  #saved: Record<string, Tensor> | null = null;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#encoder = buildResNet(options.spec, options.groupSize, options.imageSize);
    this.#gradient = differentiate(this.#encoder.graph, {
      wrt: this.#encoder.parameters.map(({ name }) => name),
      outputs: ['embedding'],
      provider: options.provider,
    });
  }

  /**
   * Sets a role's weights in the order of the encoder's parameters. The arrays are kept, not copied, and read at each
   * run: arrays in shared memory need to be given only once.
   */
  async setWeights(role: TrainingRole, arrays: readonly Float32Array[]): Promise<void> {
    const weights = new Map<string, Tensor>();
    for (const [i, { name, shape }] of this.#encoder.parameters.entries()) {
      weights.set(name, await tensor(arrays[i]!, shape));
    }
    this.#weights.set(role, weights);
  }

  /** Sets the weights of the folded inference graph, by name (see onnx/fold.ts). */
  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    const weights = new Map<string, Tensor>();
    for (const { name, shape } of this.#inferenceGraph().inputs) {
      const value = values.get(name);
      if (value) weights.set(name, await tensor(value, shape.map(Number)));
    }
    this.#weights.set('inference', weights);
  }

  /** The key encoder on one group: images [groupSize, 3, size, size]. */
  async forwardKey(images: Float32Array): Promise<GroupForward> {
    const { forward, saved, statistics } = this.#gradient;
    const kept = new Set(statistics.flatMap(({ mean, variance }) => [mean, variance]));
    const dropped = new Set(saved.map(({ name }) => name).filter((name) => !kept.has(name)));
    const graph = { ...forward, outputs: forward.outputs.filter(({ name }) => !dropped.has(name)) };
    const session = await this.#session('key', () => graph);
    return this.#groupForward(await session.run(await this.#feeds('key', images)));
  }

  /** The query encoder on one group; its activations are kept until `backward` or the next call. */
  async forwardQuery(images: Float32Array): Promise<GroupForward> {
    this.#saved = null;
    const session = await this.#session('query', () => this.#gradient.forward);
    const feeds = await this.#feeds('query', images);
    const outputs = await session.run(feeds);
    this.#saved = { ...outputs, image: feeds.image! };
    return this.#groupForward(outputs);
  }

  /**
   * Gradients of the weights, in the order of the encoder's parameters, for the group that `forwardQuery` saw last.
   * @param dEmbedding [groupSize, dim]
   */
  async backward(dEmbedding: Float32Array): Promise<Float32Array[]> {
    const saved = this.#saved;
    if (!saved)
      throw new MocoError('usage', 'backward was called without a forward of the query encoder before it');
    this.#saved = null;
    const { backward, gradients, outputGradients } = this.#gradient;
    const session = await this.#session('backward', () => backward);
    const weights = this.#weightsOf('query');
    const dOutput = outputGradients.get('embedding');
    const feeds: Record<string, Tensor> = {};
    for (const { name } of backward.inputs) {
      const value =
        name === dOutput
          ? await tensor(dEmbedding, [this.#options.groupSize, this.#encoder.dim])
          : (weights.get(name) ?? saved[name]);
      if (!value) throw new MocoError('model-invalid', `the backward graph wants ${name}, which nobody has`);
      feeds[name] = value;
    }
    const outputs = await session.run(feeds);
    return this.#encoder.parameters.map(({ name }) => floats(outputs[gradients.get(name)!]));
  }

  /** The inference form on any number of images [n, 3, size, size]. */
  async embed(images: Float32Array): Promise<Embeddings> {
    const session = await this.#session('inference', () => this.#inferenceGraph());
    const outputs = await session.run(await this.#feeds('inference', images));
    return { embedding: floats(outputs.embedding), features: floats(outputs.features) };
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.#weights.clear();
    this.#saved = null;
    for (const session of sessions) await (await session).dispose();
  }

  #inferenceGraph(): Graph {
    const { spec, imageSize } = this.#options;
    return foldBatchNorm(buildResNet(spec, 'batch', imageSize).graph).graph;
  }

  #session(name: string, graph: () => Graph): Promise<GraphSession> {
    let session = this.#sessions.get(name);
    if (!session) {
      session = createSession(graph(), this.#options.provider);
      this.#sessions.set(name, session);
    }
    return session;
  }

  #weightsOf(role: TrainingRole | 'inference'): Map<string, Tensor> {
    const weights = this.#weights.get(role);
    if (!weights) throw new MocoError('usage', `the encoder has no ${role} weights yet`);
    return weights;
  }

  async #feeds(role: TrainingRole | 'inference', images: Float32Array): Promise<Record<string, Tensor>> {
    const { imageSize, groupSize } = this.#options;
    const batch = images.length / (3 * imageSize * imageSize);
    if (!Number.isInteger(batch) || batch === 0 || (role !== 'inference' && batch !== groupSize)) {
      const expected = role === 'inference' ? 'n' : groupSize;
      throw new MocoError(
        'shape-mismatch',
        `${images.length} values are no [${expected}, 3, ${imageSize}, ${imageSize}] images`,
      );
    }
    const image = await tensor(images, [batch, 3, imageSize, imageSize]);
    return { ...Object.fromEntries(this.#weightsOf(role)), image };
  }

  #groupForward(outputs: Record<string, Tensor>): GroupForward {
    return {
      embedding: floats(outputs.embedding),
      statistics: this.#gradient.statistics.flatMap(({ mean, variance }) => [
        floats(outputs[mean]),
        floats(outputs[variance]),
      ]),
    };
  }
}

function floats(value: Tensor | undefined): Float32Array {
  if (!(value?.data instanceof Float32Array))
    throw new MocoError('model-invalid', 'a session gave no float32 output');
  return value.data;
}
