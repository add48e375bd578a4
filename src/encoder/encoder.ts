/**
 * The sessions of one training plan in one place: forward alone, forward and backward, and the folded inference form.
 * Encoders that share the network, known by name, differ in their weights. It owns the sessions, and the activations that a
 * forward has saved for its backward.
 */
import { MocoError } from '../errors.ts';
import { BackwardValues } from './backward-values.ts';
import { createSession, type Feeds, type GraphSession, type SessionPlace, type Tensor } from './ort.ts';
import {
  type GraphPart,
  type GraphPiece,
  type KernelCall,
  type KernelPart,
  type NamedShape,
  type Pieces,
  type PreparingPart,
  rowsOf,
  type TrainingPlan,
} from './training-plan.ts';

/** Tensors that are where the sessions run; whoever gets them disposes of them. */
export interface GroupForward {
  /** [rows, dim], not normalized, of as many rows as a run has images: those of a group, or of several. */
  readonly embedding: Tensor;
  /** For each BatchNorm layer in graph order: mean [groups of the run, channels], then biased variance, likewise. */
  readonly statistics: readonly Tensor[];
}

/**
 * Computes the gradient of a convolution's weight from its input and the gradient of its output. Null where it is already where it
 * belongs: added to the sum over the groups.
 */
export type WeightGradient = (part: KernelPart, x: Tensor, dy: Tensor) => Promise<Tensor | null>;

/** Computes what a call of a kernel gives from what it reads, both in the order of the call. */
export type CallKernel = (call: KernelCall, inputs: readonly Tensor[]) => Promise<readonly Tensor[]>;

export class Encoder {
  readonly #plan: TrainingPlan;
  readonly #place: SessionPlace;
  readonly #weightGradient: WeightGradient;
  readonly #callKernel: CallKernel | null;
  readonly #weights = new Map<string, Feeds>();
  #inferenceWeights: Feeds | null = null;
  readonly #sessions = new Map<SessionPart, Promise<GraphSession>>();
  /** What parts read that is made of weights, by encoder. */
  readonly #prepared = new Map<GraphPart, Map<string, Promise<Feeds>>>();
  /** What the next backward needs: whose weights, the image, saved activations, and what the caller got. */
  #saved: { readonly encoder: string; readonly values: Feeds } | null = null;

  /**
   * @param weightGradient runs the parts of the plan that are kernels
   * @param callKernel runs the pieces of graphs that are kernels; may be left out where the plan has none
   */
  constructor(
    plan: TrainingPlan,
    place: SessionPlace,
    weightGradient: WeightGradient,
    callKernel: CallKernel | null = null,
  ) {
    this.#plan = plan;
    this.#place = place;
    this.#weightGradient = weightGradient;
    this.#callKernel = callKernel;
  }

  /** Of the weights, in the order of the network's parameters. */
  get parameters(): readonly NamedShape[] {
    return this.#plan.parameters;
  }

  /** Length of the embedding. */
  get dim(): number {
    return this.#plan.dim;
  }

  /** The weights of the folded inference graph (see onnx/fold.ts). */
  get inferenceWeights(): readonly NamedShape[] {
    return this.#plan.inference.weights;
  }

  /**
   * Sets an encoder's weights in the order of the network's parameters. The tensors are kept, not copied, and read at each
   * run: weights in memory that others change need to be given only once.
   */
  setWeights(encoder: string, tensors: readonly Tensor[]): void {
    const named = this.#plan.parameters.map(({ name }, i) => [name, tensors[i]!]);
    this.#weights.set(encoder, Object.fromEntries(named));
    this.weightsChanged(encoder);
  }

  /** To be called where the values in the tensors of `setWeights` have changed: parts may have made something of them. */
  weightsChanged(encoder: string): void {
    for (const encoders of this.#prepared.values()) encoders.delete(encoder);
  }

  /** Sets the weights of the folded inference graph, by name. */
  setInferenceWeights(tensors: ReadonlyMap<string, Tensor>): void {
    this.#inferenceWeights = Object.fromEntries(tensors);
    this.#prepared.delete(this.#plan.inference);
  }

  /** An encoder on the groups of one run: image [rows, 3, size, size]. */
  async forward(encoder: string, image: Tensor): Promise<GroupForward> {
    return this.#groupForward(await this.#run(this.#plan.forward, encoder, this.#group(image)));
  }

  /**
   * An encoder on the groups of one run; its activations are kept until `backward` or the next call. `backward` reads the image and may
   * read what this returns: dispose of them after it.
   */
  async trainingForward(encoder: string, image: Tensor): Promise<GroupForward> {
    this.#release();
    const outputs = await this.#run(this.#plan.trainingForward, encoder, this.#group(image));
    this.#saved = { encoder, values: { ...outputs, image } };
    return this.#groupForward(outputs);
  }

  /**
   * Gradients of the weights, in the order of the network's parameters, for encoder and groups of the last `trainingForward`; null
   * for those that `weightGradient` has put elsewhere.
   * @param dEmbedding [rows, dim]
   */
  async backward(dEmbedding: Tensor): Promise<(Tensor | null)[]> {
    const saved = this.#saved;
    if (!saved) throw new MocoError('usage', 'backward was called without a training forward before it');
    const values = new BackwardValues(saved.values);
    const gradients = new Map<string, Tensor | null>();
    let passedOn: string | null = null;
    for (const part of this.#plan.backward) {
      if (part.kind === 'kernel') {
        const [x, dy] = [values.get(part.x), values.get(part.dy)];
        gradients.set(part.weight.name, await this.#weightGradient(part, x, dy));
      } else {
        const { outputGradient } = part;
        if (outputGradient !== null) {
          if (passedOn === null) values.lend(outputGradient, dEmbedding);
          else values.rename(passedOn, outputGradient);
        }
        values.add(await this.#run(part, saved.encoder, values.all));
        for (const [name, output] of part.gradients) gradients.set(name, values.handOver(output));
        passedOn = part.passedOn ?? passedOn;
      }
      values.release(part.releases);
    }
    this.#release();
    return this.#plan.parameters.map(({ name }) => gradients.get(name)!);
  }

  /** The inference form on any number of images [n, 3, size, size]: embedding [n, dim] and features [n, featureDim]. */
  async embed(image: Tensor): Promise<{ embedding: Tensor; features: Tensor }> {
    const { embedding, features } = await this.#run(this.#plan.inference, null, this.#images(image));
    return { embedding: embedding!, features: features! };
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#release();
    this.#sessions.clear();
    this.#prepared.clear();
    this.#weights.clear();
    this.#inferenceWeights = null;
    for (const result of await Promise.allSettled(sessions)) {
      // What could not be made has told whoever wanted it.
      if (result.status === 'fulfilled') await result.value.dispose();
    }
  }

  /** @param encoder whose weights; null: those of the inference form */
  async #run(part: GraphPart, encoder: string | null, values: Feeds): Promise<Record<string, Tensor>> {
    if (part.pieces) return this.#runPieces(part.pieces, { ...this.#weightsOf(encoder), ...values });
    const session = await this.#session(part);
    const prepared = part.prepare ? await this.#preparedFor(part, part.prepare, encoder) : {};
    return session.run(pick(part, { ...this.#weightsOf(encoder), ...prepared, ...values }));
  }

  async #runPieces({ parts, outputs }: Pieces, given: Feeds): Promise<Record<string, Tensor>> {
    const values: Record<string, Tensor> = { ...given };
    for (const { part, done } of parts) {
      if (part.kind === 'graph') {
        const session = await this.#session(part);
        Object.assign(values, await session.run(pick(part, values)));
      } else {
        const read = part.inputs.map((name) => values[name]!);
        const found = await this.#callKernel!(part, read);
        for (const [i, { name }] of part.outputs.entries()) values[name] = found[i]!;
      }
      for (const name of done) {
        values[name]!.dispose();
        delete values[name];
      }
    }
    return Object.fromEntries(outputs.map((name) => [name, values[name]!]));
  }

  #preparedFor(part: GraphPart, prepare: PreparingPart, encoder: string | null): Promise<Feeds> {
    const encoders = this.#prepared.get(part) ?? new Map<string, Promise<Feeds>>();
    this.#prepared.set(part, encoders);
    const key = encoder ?? '';
    let prepared = encoders.get(key);
    if (!prepared) {
      prepared = this.#session(prepare).then((session) =>
        session.run(pick(prepare, this.#weightsOf(encoder))),
      );
      encoders.set(key, prepared);
    }
    return prepared;
  }

  #session(part: SessionPart): Promise<GraphSession> {
    let session = this.#sessions.get(part);
    if (!session) {
      // Embeddings go to whoever asked; everything else is for other sessions and kernels, and is used before the next run.
      const isInner = part !== this.#plan.inference;
      const isRead = isInner && 'prepare' in part;
      session = createSession(part.model, this.#place, { keepOnDevice: isInner, reuseOutputs: isRead });
      this.#sessions.set(part, session);
    }
    return session;
  }

  #weightsOf(encoder: string | null): Feeds {
    const weights = encoder === null ? this.#inferenceWeights : this.#weights.get(encoder);
    if (!weights) {
      const what = encoder === null ? 'the encoder has no inference weights' : `${encoder} has no weights`;
      throw new MocoError('usage', `${what} yet`);
    }
    return weights;
  }

  #group(image: Tensor): Feeds {
    return this.#images(image, rowsOf(this.#plan));
  }

  /** @param count how many there have to be; left out: any number */
  #images(image: Tensor, count?: number): Feeds {
    const { imageSize } = this.#plan;
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
      statistics: this.#plan.statistics.map((name) => outputs[name]!),
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

type SessionPart = GraphPart | GraphPiece | PreparingPart;

/** What a part reads, of all that there is. */
function pick({ model, inputs }: PreparingPart, available: Feeds): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const name of inputs) {
    const value = available[name];
    if (!value) throw new MocoError('model-invalid', `graph ${model.name} wants ${name}, which nobody has`);
    feeds[name] = value;
  }
  return feeds;
}
