/**
 * One step of Momentum Contrast (He et al., arXiv:1911.05722, algorithm 1; v2: arXiv:2003.04297), in the order of the
 * reference implementation. The trainer owns the weights, the momentum buffers, the queue and the gradient sum, in
 * kernel memory, and the running statistics. Here, and only here, keys of groups are gathered and gradients summed.
 *
 * A step is issued, and its few numbers are read back while the next one may already be under way: on a GPU nothing
 * waits for them. The gate that `finiteGate` closes on the device stops everything that would change the state, in that
 * step and in those after it.
 */
import type { Embeddings } from '../encoder/encoder.ts';
import { MocoError } from '../errors.ts';
import { type DeviceArray, type Kernels, SUMMARY } from '../kernels/kernels.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildResNet, type ResNetSpec } from '../onnx/resnet.ts';
import type { GroupArrays, GroupEncoders } from '../scheduler/group-encoders.ts';
import { keyPositions, queryPositions } from './groups.ts';
import { RunningStatistics } from './running-statistics.ts';
import { allocateScratch, type Scratch } from './scratch.ts';
import type { StateLayout, TrainerState } from './state.ts';

export interface TrainerSettings {
  readonly spec: ResNetSpec;
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
export type MakeViews = (stream: 'query' | 'key', positions: Uint32Array) => Promise<Float32Array>;

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
   * Rejects with MocoError loss-not-finite where loss or gradients are NaN or infinite: this step and all after it have
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
  readonly #query: DeviceArray[];
  readonly #key: DeviceArray[];
  /** θk as it was before the step, so that a step that goes bad can be undone. */
  readonly #keyBefore: DeviceArray[];
  readonly #momentum: DeviceArray[];
  readonly #gradientSum: DeviceArray[];
  readonly #queue: DeviceArray;
  readonly #scratch: Scratch;
  readonly #queryStatistics: RunningStatistics;
  readonly #keyStatistics: RunningStatistics;
  #queuePointer: number;
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
    const { batchSize, groups } = settings;
    const { dim } = layout;
    this.#settings = settings;
    this.#layout = layout;
    this.#kernels = kernels;
    this.#encoders = encoders;
    const hold = (values: Float32Array): DeviceArray => {
      const array = kernels.allocate(values.length);
      kernels.write(array, values);
      return array;
    };
    const zeros = () => state.momentum.map(({ length }) => kernels.allocate(length));
    this.#query = state.query.parameters.map(hold);
    this.#key = state.key.parameters.map(hold);
    this.#keyBefore = zeros();
    this.#momentum = state.momentum.map(hold);
    this.#gradientSum = zeros();
    this.#queue = hold(state.queue);
    this.#queuePointer = state.queuePointer;
    this.#queryStatistics = new RunningStatistics(kernels, layout.layers, state.query);
    this.#keyStatistics = new RunningStatistics(kernels, layout.layers, state.key);
    this.#scratch = allocateScratch(kernels, batchSize, groups, dim);
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
    await encoders.attachWeights(trainer.#query, trainer.#key);
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
    const before = {
      queuePointer: this.#queuePointer,
      queryBatches: this.#queryStatistics.batchesTracked,
      keyBatches: this.#keyStatistics.batchesTracked,
    };
    kernels.copy(this.#keyBefore, this.#key, gate);
    try {
      await this.#takeStep(input);
    } catch (error) {
      kernels.copy(this.#key, this.#keyBefore);
      throw error;
    }
    const failure = this.#failed();
    if (failure) {
      // An earlier step has turned out bad meanwhile; on the device this one was stopped by the gate.
      failure.undo();
      throw failure.error;
    }
    const undo = () => {
      this.#queuePointer = before.queuePointer;
      this.#queryStatistics.batchesTracked = before.queryBatches;
      this.#keyStatistics.batchesTracked = before.keyBatches;
      // Steps issued meanwhile found the gate closed, so this is still what was before the step that failed.
      kernels.copy(this.#key, this.#keyBefore);
    };
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
          `step ${input.step}: loss or gradients are not finite, and the step was not taken: ` +
            'weights are those of the step before. Lower the learning rate or raise the temperature',
        );
        this.#failure = { error, undo };
        undo();
        throw error;
      }
      const [loss, acc1, acc5, embeddingStd] = [
        values[SUMMARY.loss]!,
        values[SUMMARY.acc1]!,
        values[SUMMARY.acc5]!,
        values[SUMMARY.embeddingStd]!,
      ];
      return { loss, acc1, acc5, embeddingStd };
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
    return Promise.all(this.#gradientSum.map((array) => this.#kernels.read(array)));
  }

  /** A copy of everything that a checkpoint holds, when the steps issued so far are done. */
  async state(): Promise<TrainerState> {
    await this.#inFlight;
    const copies = (arrays: readonly DeviceArray[]) =>
      Promise.all(arrays.map((array) => this.#kernels.read(array)));
    const encoder = async (parameters: readonly DeviceArray[], statistics: RunningStatistics) => ({
      parameters: await copies(parameters),
      ...(await statistics.read()),
    });
    return {
      query: await encoder(this.#query, this.#queryStatistics),
      key: await encoder(this.#key, this.#keyStatistics),
      momentum: await copies(this.#momentum),
      queue: await this.#kernels.read(this.#queue),
      queuePointer: this.#queuePointer,
    };
  }

  /** Gives the encoders the query encoder of now in its inference form; `embed` uses it until the next call. */
  async prepareEmbedding(): Promise<void> {
    const { spec, imageSize } = this.#settings;
    const values = await this.#queryStatistics.named();
    for (const [i, { name }] of this.#layout.parameters.entries()) {
      values.set(name, await this.#kernels.read(this.#query[i]!));
    }
    const folded = foldBatchNorm(buildResNet(spec, 1, imageSize).graph);
    await this.#encoders.setInferenceWeights(foldWeights(folded, values));
  }

  /** Embeds images [n, 3, size, size] with the weights of the last `prepareEmbedding`. */
  embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#encoders.embed(images);
  }

  /** Frees the kernel memory. The encoders are not the trainer's to end. */
  dispose(): void {
    const lists = [this.#query, this.#key, this.#keyBefore, this.#momentum, this.#gradientSum];
    for (const array of [...lists.flat(), this.#queue, ...Object.values(this.#scratch)])
      this.#kernels.free(array);
    this.#queryStatistics.dispose();
    this.#keyStatistics.dispose();
  }

  /** As it is now: others may have failed while one awaited. */
  #failed(): Failure | null {
    return this.#failure;
  }

  async #takeStep(input: StepInput): Promise<void> {
    const kernels = this.#kernels;
    const { batchSize, groups, momentum, sgdMomentum, weightDecay } = this.#settings;
    const { queueSize, dim } = this.#layout;
    const { gate, keys, losses, ranks, queries, summary } = this.#scratch;
    kernels.ema(this.#key, this.#query, momentum, gate);
    await this.#encoders.weightsChanged('query');
    await this.#encoders.weightsChanged('key');
    await this.#encodeKeys(input);
    await this.#trainQueries(input);

    // Statistics too: a GPU's Relu may make 0 of NaN, and the loss of such keys is finite.
    const statistics = [...this.#queryStatistics.sums, ...this.#keyStatistics.sums];
    kernels.finiteGate(gate, [losses, ...this.#gradientSum, ...statistics]);
    const options = { learningRate: input.learningRate, momentum: sgdMomentum, weightDecay };
    kernels.sgd(this.#query, this.#gradientSum, this.#momentum, options, gate);
    kernels.enqueue(this.#queue, keys, this.#queuePointer, queueSize, batchSize, dim, gate);
    this.#queryStatistics.update(groups, batchSize / groups, gate);
    this.#keyStatistics.update(groups, batchSize / groups, gate);
    kernels.summarize({ loss: losses, rank: ranks, query: queries, gate, rows: batchSize, dim, summary });
    this.#queuePointer = (this.#queuePointer + batchSize) % queueSize;
  }

  /** Keys of all groups, normalised and in batch order, in scratch.keys; sums of their statistics. */
  async #encodeKeys({ shuffle, views }: StepInput): Promise<void> {
    const kernels = this.#kernels;
    const { groups, batchSize } = this.#settings;
    const { dim } = this.#layout;
    const { rawKeys, keys, keyNorms } = this.#scratch;
    const runs = Array.from({ length: groups }, async (_, group) => {
      const positions = keyPositions(group, groups, shuffle);
      const statistics = await this.#encoders.forwardKey(
        () => views('key', positions),
        (embedding) => kernels.scatterRows(rawKeys, embedding, positions, dim),
      );
      return [statistics];
    });
    await inOrder(runs, ([statistics], group) => put(statistics!, this.#keyStatistics.sums, group));
    kernels.l2Normalize(rawKeys, keys, keyNorms, batchSize, dim);
  }

  /** Losses, ranks and unit queries in batch order; sums of gradients and statistics. */
  async #trainQueries({ views }: StepInput): Promise<void> {
    const { groups, batchSize } = this.#settings;
    const runs = Array.from({ length: groups }, async (_, group) => {
      const positions = queryPositions(group, groups, batchSize);
      const { statistics, gradients } = await this.#encoders.trainQuery(
        () => views('query', positions),
        (embedding) => this.#contrast(embedding, positions),
      );
      return [statistics, gradients];
    });
    await inOrder(runs, ([statistics, gradients], group) => {
      put(statistics!, this.#queryStatistics.sums, group);
      put(gradients!, this.#gradientSum, group);
    });
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
      queue: this.#queue,
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

/** The sum over groups begins with the first one. */
function put(arrays: GroupArrays, sums: readonly DeviceArray[], group: number): void {
  if (group === 0) arrays.copyTo(sums);
  else arrays.addTo(sums);
}

/**
 * Takes what groups have computed in the order of the groups, whatever order it comes in, and gives its memory back.
 * All settle before anything is thrown: no group may still be writing when the caller goes on.
 */
async function inOrder(
  runs: readonly Promise<GroupArrays[]>[],
  take: (arrays: readonly GroupArrays[], group: number) => void,
): Promise<void> {
  let taken = 0;
  try {
    for (const [group, run] of runs.entries()) {
      const arrays = await run;
      take(arrays, group);
      for (const one of arrays) one.release();
      taken = group + 1;
    }
  } finally {
    for (const rest of await Promise.allSettled(runs.slice(taken))) {
      if (rest.status === 'fulfilled') for (const one of rest.value) one.release();
    }
  }
}
