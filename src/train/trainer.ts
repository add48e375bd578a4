/**
 * One step of Momentum Contrast (He et al., arXiv:1911.05722, algorithm 1; v2: arXiv:2003.04297), in the order of the
 * reference implementation. The trainer owns what training changes and its working memory, in kernel memory. Here, and
 * only here, keys of groups are gathered and gradients summed.
 *
 * A step is issued, and its few numbers are read back while the next one may already be under way: on a GPU nothing
 * waits for them. The gate that `finiteGate` closes on the device stops everything that would change the state, in that
 * step and in those after it.
 */
import type { Embeddings } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { type DeviceArray, type Kernels, SUMMARY } from '../kernels/kernels.ts';
import { keyPositions, queryPositions } from '../methods/groups.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import { STREAMS, type Stream } from '../random.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { DeviceState } from './device-state.ts';
import { sumGroups } from './group-sums.ts';
import { allocateScratch, type Scratch } from './scratch.ts';
import type { StateLayout, TrainerState } from './state.ts';

export interface TrainerSettings {
  readonly spec: NetworkSpec;
  readonly imageSize: number;
  /** N; a multiple of groups. */
  readonly batchSize: number;
  readonly groups: number;
  /** m of eq. (2). */
  readonly momentum: number;
  /** τ of eq. (1). */
  readonly temperature: number;
  readonly sgdMomentum: number;
  readonly weightDecay: number;
}

/** Makes the views of some images of the batch: positions in the batch → [positions, 3, size, size]. */
export type MakeViews = (stream: Stream, positions: Uint32Array) => Promise<Float32Array>;

export interface StepInput {
  /** Counted from 1; named when the loss is not finite. */
  readonly step: number;
  readonly learningRate: number;
  /** ShuffleBN: row i of the key encoder's batch is the image at position shuffle[i]. */
  readonly shuffle: Uint32Array;
  readonly views: MakeViews;
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Percent of queries whose positive is the best, or among the best five, of 1 + K. */
  readonly acc1: number;
  readonly acc5: number;
  readonly embeddingStd: number;
}

/** A step that has been issued: the next one may be. */
export interface IssuedStep {
  /**
   * When the step is done.
   * Rejects with MocoError loss-not-finite where losses, gradients or BatchNorm statistics are NaN or infinite: this step and all after it have
   * then not been taken, and `state` gives what was before it; device-lost, gpu-failed, out-of-memory
   */
  readonly result: Promise<StepResult>;
}

/** Why no further step can be taken, and how to get back to what was before the step that failed. */
interface Failure {
  readonly error: MocoError;
  readonly undo: () => void;
}

export class Trainer {
  readonly #settings: TrainerSettings;
  readonly #layout: StateLayout;
  readonly #kernels: Kernels;
  readonly #encoders: GroupEncoders;
  readonly #state: DeviceState;
  readonly #scratch: Scratch;
  /** Settles when the last issued step is done or has failed. */
  #inFlight: Promise<unknown> = Promise.resolve();
  #failure: Failure | null = null;

  private constructor(
    settings: TrainerSettings,
    layout: StateLayout,
    state: TrainerState,
    kernels: Kernels,
    encoders: GroupEncoders,
  ) {
    this.#settings = settings;
    this.#layout = layout;
    this.#kernels = kernels;
    this.#encoders = encoders;
    this.#state = new DeviceState(kernels, layout, state);
    const sizes = { batchSize: settings.batchSize, groups: settings.groups, dim: layout.dim };
    const lengths = this.#state.query.map(({ length }) => length);
    this.#scratch = allocateScratch(kernels, sizes, lengths);
  }

  /** @throws MocoError out-of-memory */
  static async create(
    settings: TrainerSettings,
    layout: StateLayout,
    state: TrainerState,
    kernels: Kernels,
    encoders: GroupEncoders,
  ): Promise<Trainer> {
    const trainer = new Trainer(settings, layout, state, kernels, encoders);
    await encoders.attachWeights('encoder_q', trainer.#state.query);
    await encoders.attachWeights('encoder_k', trainer.#state.key);
    return trainer;
  }

  /**
   * Issues the training on one batch. Call it again only when it has returned; at most one result should be outstanding
   * then, or steps pile up on the device.
   * @throws whatever the encoders and the views throw: weights, momentum, queue and statistics are then those from before
   * the step; MocoError loss-not-finite once a step has failed
   */
  async step(input: StepInput): Promise<IssuedStep> {
    if (this.#failure) throw this.#failure.error;
    const kernels = this.#kernels;
    const { gate, summary } = this.#scratch;
    const undo = this.#state.keep(gate);
    try {
      await this.#takeStep(input);
    } catch (error) {
      (this.#failed()?.undo ?? undo)();
      throw error;
    }
    const failure = this.#failed();
    if (failure) {
      // An earlier step has turned out bad meanwhile; on the device this one was stopped by the gate.
      failure.undo();
      throw failure.error;
    }
    const previous = this.#inFlight;
    const reading = kernels.read(summary);
    // A failure is looked at in its turn.
    reading.catch(() => {});
    const finish = async (): Promise<StepResult> => {
      await previous;
      const values = await reading;
      if (this.#failure) throw this.#failure.error;
      if (values[SUMMARY.gate] !== 1) {
        const error = new MocoError(
          'loss-not-finite',
          `step ${input.step}: loss, gradients or statistics are not finite, and the step was not taken: ` +
            'weights are those of the step before. Lower the learning rate or raise the temperature',
        );
        // Steps issued meanwhile find the gate closed, so what was kept before this one is still there.
        this.#failure = { error, undo };
        undo();
        throw error;
      }
      return {
        loss: values[SUMMARY.loss]!,
        acc1: values[SUMMARY.acc1]!,
        acc5: values[SUMMARY.acc5]!,
        embeddingStd: values[SUMMARY.embeddingStd]!,
      };
    };
    const result = finish();
    this.#inFlight = result.catch(() => {});
    return { result };
  }

  /** [N, C] unit queries and keys of the last step, in batch order. */
  async embeddings(): Promise<{ queries: Float32Array; keys: Float32Array }> {
    const { queries, keys } = this.#scratch;
    const [q, k] = await Promise.all([this.#kernels.read(queries), this.#kernels.read(keys)]);
    return { queries: q, keys: k };
  }

  /** Sum over the groups, in their order, of the gradients of the last step's mean loss, without weight decay. */
  async gradients(): Promise<Float32Array[]> {
    return Promise.all(this.#scratch.gradientSum.map((array) => this.#kernels.read(array)));
  }

  /** A copy of everything that a checkpoint holds, when the steps issued so far are done. */
  async state(): Promise<TrainerState> {
    await this.#inFlight;
    return this.#state.read();
  }

  /** Gives the encoders the query encoder of now in its inference form; `embed` uses it until the next call. */
  async prepareEmbedding(): Promise<void> {
    const { spec, imageSize } = this.#settings;
    const values = await this.#state.queryStatistics.named();
    for (const [i, { name }] of this.#layout.parameters.entries()) {
      values.set(name, await this.#kernels.read(this.#state.query[i]!));
    }
    const folded = foldBatchNorm(buildNetwork(spec, 1, imageSize).graph);
    await this.#encoders.setInferenceWeights(foldWeights(folded, values));
  }

  /** Embeds images [n, 3, size, size] with the weights of the last `prepareEmbedding`. */
  embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#encoders.embed(images);
  }

  /** Frees the kernel memory. The encoders are not the trainer's to end. */
  dispose(): void {
    for (const array of Object.values(this.#scratch).flat()) this.#kernels.free(array);
    this.#state.dispose();
  }

  /** As it is now: others may have failed while one awaited. */
  #failed(): Failure | null {
    return this.#failure;
  }

  async #takeStep(input: StepInput): Promise<void> {
    const kernels = this.#kernels;
    const { batchSize, groups, momentum, sgdMomentum, weightDecay } = this.#settings;
    const { queueSize, dim } = this.#layout;
    const { gate, keys, losses, ranks, queries, summary, gradientSum } = this.#scratch;
    const state = this.#state;
    kernels.ema(state.key, state.query, momentum, gate);
    await this.#encoders.weightsChanged('encoder_q');
    await this.#encoders.weightsChanged('encoder_k');
    // Queries are encoded while the last keys are; their loss waits for all of these.
    const keysDone = this.#encodeKeys(input);
    await allOf([keysDone, this.#trainQueries(input, keysDone)]);

    // Statistics too: a GPU's Relu may make 0 of NaN, and the loss of such keys is finite.
    const statistics = [...state.queryStatistics.sums, ...state.keyStatistics.sums];
    kernels.finiteGate(gate, [losses, ...gradientSum, ...statistics]);
    const options = { learningRate: input.learningRate, momentum: sgdMomentum, weightDecay };
    kernels.sgd(state.query, gradientSum, state.momentum, options, gate);
    kernels.enqueue(state.queue, keys, state.queuePointer, queueSize, batchSize, dim, gate);
    state.queryStatistics.update(groups, batchSize / groups, gate);
    state.keyStatistics.update(groups, batchSize / groups, gate);
    kernels.summarize({ loss: losses, rank: ranks, query: queries, gate, rows: batchSize, dim, summary });
    state.queuePointer = (state.queuePointer + batchSize) % queueSize;
  }

  /** Keys of all groups, normalised and in batch order, in scratch.keys; sums of their statistics. */
  async #encodeKeys({ shuffle, views }: StepInput): Promise<void> {
    const kernels = this.#kernels;
    const { groups, batchSize } = this.#settings;
    const { dim } = this.#layout;
    const { rawKeys, keys, keyNorms } = this.#scratch;
    const runs = Array.from({ length: groups }, async (_, group) => {
      const positions = keyPositions(group, groups, shuffle);
      const statistics = await this.#encoders.forward(
        'encoder_k',
        () => views(STREAMS.secondView, positions),
        (embedding) => kernels.scatterRows(rawKeys, embedding, positions, dim),
      );
      return [statistics];
    });
    await sumGroups(runs, [this.#state.keyStatistics.sums]);
    kernels.l2Normalize(rawKeys, keys, keyNorms, batchSize, dim);
  }

  /** Losses, ranks and unit queries in batch order; sums of gradients and statistics. */
  async #trainQueries({ views }: StepInput, keysDone: Promise<void>): Promise<void> {
    const { groups, batchSize } = this.#settings;
    const runs = Array.from({ length: groups }, async (_, group) => {
      const positions = queryPositions(group, groups, batchSize);
      const { statistics, gradients } = await this.#encoders.train(
        'encoder_q',
        () => views(STREAMS.firstView, positions),
        keysDone,
        (embedding) => this.#contrast(embedding, positions),
      );
      return [statistics, gradients];
    });
    await sumGroups(runs, [this.#state.queryStatistics.sums, this.#scratch.gradientSum]);
  }

  /** InfoNCE of one group: puts losses, ranks and unit queries in their places, returns d loss / d embedding. */
  #contrast(embedding: DeviceArray, positions: Uint32Array): DeviceArray {
    const kernels = this.#kernels;
    const { batchSize, temperature } = this.#settings;
    const { dim, queueSize } = this.#layout;
    const rows = positions.length;
    const { query, norm, key, keys, loss, rank, dQuery, dRaw, losses, ranks, queries } = this.#scratch;
    kernels.l2Normalize(embedding, query, norm, rows, dim);
    kernels.gatherRows(key, keys, positions, dim);
    kernels.infoNce({
      query,
      key,
      queue: this.#state.queue,
      rows,
      dim,
      queueSize,
      temperature,
      gradientScale: 1 / batchSize,
      loss,
      dQuery,
      rank,
    });
    kernels.l2NormalizeBackward(query, norm, dQuery, dRaw, rows, dim);
    kernels.scatterRows(losses, loss, positions, 1);
    kernels.scatterRows(ranks, rank, positions, 1);
    kernels.scatterRows(queries, query, positions, dim);
    return dRaw;
  }
}

/** Waits for all, whatever becomes of them: none may still be writing when the caller goes on. @throws the first failure */
async function allOf(tasks: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(tasks);
  await Promise.all(tasks);
}
