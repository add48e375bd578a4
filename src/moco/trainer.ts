/**
 * One step of Momentum Contrast (He et al., arXiv:1911.05722, algorithm 1; v2: arXiv:2003.04297), in the order of the
 * reference implementation. The trainer owns the weights, the momentum buffers, the queue and the gradient sum, in
 * kernel memory, and the running statistics. Here, and only here, keys of groups are gathered and gradients summed.
 */
import type { Embeddings } from '../encoder/encoder.ts';
import { MocoError } from '../errors.ts';
import { embeddingSpread } from '../eval/collapse.ts';
import type { DeviceArray, Kernels } from '../kernels/kernels.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildResNet, type ResNetSpec } from '../onnx/resnet.ts';
import type { GroupEncoders, GroupStatistics } from '../scheduler/group-encoders.ts';
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
  /** [N, C] unit queries and keys, in batch order. */
  readonly queries: Float32Array;
  readonly keys: Float32Array;
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
    this.#queryStatistics = RunningStatistics.from(layout.layers, state.query);
    this.#keyStatistics = RunningStatistics.from(layout.layers, state.key);
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
   * Trains on one batch.
   * @throws MocoError loss-not-finite where loss or gradients are NaN or infinite; whatever the encoders and the views
   * throw. Weights, momentum, queue and statistics are then those from before the step
   */
  async step(input: StepInput): Promise<StepResult> {
    const kernels = this.#kernels;
    this.#key.forEach((key, i) => {
      kernels.copy(this.#keyBefore[i]!, key);
    });
    try {
      return await this.#takeStep(input);
    } catch (error) {
      this.#key.forEach((key, i) => {
        kernels.copy(key, this.#keyBefore[i]!);
      });
      throw error;
    }
  }

  /** Sum over the groups, in their order, of the gradients of the last step's mean loss, without weight decay. */
  async gradients(): Promise<Float32Array[]> {
    return Promise.all(this.#gradientSum.map((array) => this.#kernels.read(array)));
  }

  /** A copy of everything that a checkpoint holds. */
  async state(): Promise<TrainerState> {
    const copies = (arrays: readonly DeviceArray[]) =>
      Promise.all(arrays.map((array) => this.#kernels.read(array)));
    const encoder = async (parameters: readonly DeviceArray[], statistics: RunningStatistics) => ({
      parameters: await copies(parameters),
      means: statistics.means.map((values) => values.slice()),
      variances: statistics.variances.map((values) => values.slice()),
      batchesTracked: statistics.batchesTracked,
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
    const values = new Map<string, Float32Array>(this.#queryStatistics.named());
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
  }

  async #takeStep(input: StepInput): Promise<StepResult> {
    const kernels = this.#kernels;
    const { batchSize, momentum } = this.#settings;
    kernels.ema(this.#key, this.#query, momentum);
    await this.#encoders.weightsChanged('query');
    await this.#encoders.weightsChanged('key');

    const keyStatistics = await this.#encodeKeys(input);
    const { queries, losses, ranks, statistics } = await this.#trainQueries(input);

    const { gate, keys } = this.#scratch;
    kernels.write(this.#scratch.losses, losses);
    kernels.finiteGate(gate, [this.#scratch.losses, ...this.#gradientSum]);
    const { learningRate } = input;
    const { sgdMomentum, weightDecay, groups } = this.#settings;
    const options = { learningRate, momentum: sgdMomentum, weightDecay };
    kernels.sgd(this.#query, this.#gradientSum, this.#momentum, options, gate);
    const { queueSize, dim } = this.#layout;
    kernels.enqueue(this.#queue, keys, this.#queuePointer, queueSize, batchSize, dim, gate);
    if ((await kernels.read(gate))[0] !== 1) {
      throw new MocoError(
        'loss-not-finite',
        `step ${input.step}: loss or gradients are not finite, and the step was not taken: ` +
          'weights are those of the step before. Lower the learning rate or raise the temperature',
      );
    }
    this.#queuePointer = (this.#queuePointer + batchSize) % queueSize;
    this.#queryStatistics.update(statistics, batchSize / groups);
    this.#keyStatistics.update(keyStatistics, batchSize / groups);
    return {
      loss: losses.reduce((sum, loss) => sum + loss, 0) / batchSize,
      acc1: percentBelow(ranks, 1),
      acc5: percentBelow(ranks, 5),
      embeddingStd: embeddingSpread(queries, batchSize, dim),
      queries,
      keys: await kernels.read(keys),
    };
  }

  /** Keys of all groups, normalised and in batch order, in scratch.keys. */
  async #encodeKeys({ shuffle, views }: StepInput): Promise<GroupStatistics[]> {
    const kernels = this.#kernels;
    const { groups, batchSize } = this.#settings;
    const { dim } = this.#layout;
    const { rawKeys, keys, keyNorms } = this.#scratch;
    const statistics = await allDone(
      Array.from({ length: groups }, (_, group) => {
        const positions = keyPositions(group, groups, shuffle);
        return this.#encoders.forwardKey(
          () => views('key', positions),
          (embedding) => {
            for (const [row, position] of positions.entries()) {
              kernels.write(rawKeys, embedding.subarray(row * dim, (row + 1) * dim), position * dim);
            }
          },
        );
      }),
    );
    kernels.l2Normalize(rawKeys, keys, keyNorms, batchSize, dim);
    return statistics;
  }

  /** Losses, ranks and unit queries in batch order, and the gradient sum. */
  async #trainQueries({ views }: StepInput) {
    const { groups, batchSize } = this.#settings;
    const { dim } = this.#layout;
    const losses = new Float32Array(batchSize);
    const ranks = new Float32Array(batchSize);
    const queries = new Float32Array(batchSize * dim);
    const runs = Array.from({ length: groups }, async (_, group) => {
      const positions = queryPositions(group, groups, batchSize);
      let read: Promise<Float32Array[]> = Promise.resolve([]);
      const result = await this.#encoders.trainQuery(
        () => views('query', positions),
        (embedding) => {
          const gradient = this.#contrast(embedding, group);
          const { loss, rank, query } = this.#scratch;
          read = Promise.all([loss, rank, query].map((array) => this.#kernels.read(array)));
          return gradient;
        },
      );
      const [loss, rank, query] = await read;
      for (const [row, position] of positions.entries()) {
        losses[position] = loss![row]!;
        ranks[position] = rank![row]!;
        queries.set(query!.subarray(row * dim, (row + 1) * dim), position * dim);
      }
      return result;
    });
    // All settle before anything is thrown: no group may still be writing when the caller goes on.
    const settled = Promise.allSettled(runs);
    const statistics: GroupStatistics[] = [];
    try {
      for (const [group, run] of runs.entries()) {
        const { statistics: ofGroup, gradients } = await run;
        if (group === 0) gradients.copyTo(this.#gradientSum);
        else gradients.addTo(this.#gradientSum);
        statistics.push(ofGroup);
      }
    } finally {
      await settled;
    }
    return { losses, ranks, queries, statistics };
  }

  /** InfoNCE of one group: leaves loss, rank and unit queries in the scratch, returns d loss / d embedding. */
  #contrast(embedding: Float32Array, group: number): DeviceArray {
    const kernels = this.#kernels;
    const { batchSize, groups, temperature } = this.#settings;
    const { dim, queueSize } = this.#layout;
    const rows = batchSize / groups;
    const { raw, query, norm, key, keys, loss, rank, dQuery, dRaw } = this.#scratch;
    kernels.write(raw, embedding);
    kernels.l2Normalize(raw, query, norm, rows, dim);
    kernels.gatherRows(key, keys, group, groups, rows, dim);
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
    return dRaw;
  }
}

/** Like Promise.all, but rejects only when all have settled: no group may still be writing when the caller goes on. */
async function allDone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function percentBelow(ranks: Float32Array, limit: number): number {
  return (100 * ranks.filter((rank) => rank < limit).length) / ranks.length;
}
