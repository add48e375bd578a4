/**
 * Training, one step at a time: issue, method, gate, optimizer, commit, metrics. The trainer owns what training changes and
 * its working memory, in kernel memory; what a step does is the method's to say.
 *
 * A step is issued, and its few numbers are read back while the next one may already be under way: on a GPU nothing
 * waits for them. The gate that `finite` closes on the device stops everything that would change the state, in that
 * step and in those after it.
 */
import type { Embeddings } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { SUMMARY, SUMMARY_LENGTH } from '../kernels/summary.ts';
import type { Method } from '../methods/method.ts';
import type { GivenValues } from '../models/initial-values.ts';
import { type EncoderLayout, encoderLayout } from '../models/layout.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import type { OptimizedParameter, Optimizer } from '../optimizers/optimizer.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import { alone, type Collective } from './collective.ts';
import { MethodEncoders, parameterNames } from './method-encoders.ts';
import { RankSum } from './rank-sum.ts';
import { type SavedState, TrainState } from './state.ts';
import { stateOf, UPDATES } from './state-of.ts';
import { beginStep, REPORTED, type RunningStep, type StepInput } from './step.ts';
import { Workspace } from './workspace.ts';

export interface TrainerOptions {
  readonly settings: Settings;
  readonly method: Method;
  readonly optimizer: Optimizer;
  readonly spec: NetworkSpec;
  /** What an imported model brings. */
  readonly given?: GivenValues | undefined;
  /** Goes on from here; null: from the beginning. */
  readonly saved: SavedState | null;
  readonly kernels: Kernels;
  readonly encoders: GroupEncoders;
  /** Between which the groups of a batch are shared; left out: there is one. On wasm and native only. */
  readonly ranks?: Collective;
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Percent of images whose right answer is the best, or among the best five. */
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
  readonly #options: TrainerOptions;
  readonly #layout: EncoderLayout;
  readonly #state: TrainState;
  readonly #workspace: Workspace;
  /** [1]: 1 until a step goes bad. */
  readonly #gate: DeviceArray;
  readonly #own: MethodEncoders;
  readonly #optimized: readonly OptimizedParameter[];
  readonly #ranks: Collective;
  readonly #rankSums = new Map<string, RankSum>();
  /** Settles when the last issued step is done or has failed. */
  #inFlight: Promise<unknown> = Promise.resolve();
  #failure: Failure | null = null;

  private constructor(options: TrainerOptions) {
    const { settings, method, optimizer, given, saved, kernels } = options;
    this.#options = options;
    this.#ranks = options.ranks ?? alone;
    this.#layout = encoderLayout(options.spec, settings.imageSize);
    const { parameters } = this.#layout;
    const spec = stateOf(method, optimizer, this.#layout, settings, given);
    // What a step changes before it is known to be good.
    const atOnce = (method.changedByBegin ?? []).flatMap((name) => parameterNames(this.#layout, name));
    const state = new TrainState(kernels, spec, saved, atOnce);
    this.#state = state;
    this.#own = new MethodEncoders(kernels, method.encoders, this.#layout, state);
    this.#workspace = new Workspace(kernels);
    this.#gate = this.#workspace.array('gate', 1);
    kernels.write(this.#gate, Float32Array.of(1));
    const values = this.#own.parameters(this.#own.learner);
    const gradients = this.#workspace.list(
      'gradient',
      values.map(({ length }) => length),
    );
    this.#optimized = parameters.map((parameter, i) => ({
      rule: optimizer.rule(parameter),
      value: values[i]!,
      gradient: gradients[i]!,
      slots: Object.fromEntries(
        optimizer.slots.map((slot) => [slot, state.tensor(`${slot}.${parameter.name}`)]),
      ),
    }));
  }

  /** @throws MocoError out-of-memory, checkpoint-invalid where `saved` is not of this method, optimizer and network */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const trainer = new Trainer(options);
    const { names } = trainer.#own;
    for (const name of names) await options.encoders.attachWeights(name, trainer.#own.parameters(name));
    return trainer;
  }

  /** Of the encoder that learns. */
  get layout(): EncoderLayout {
    return this.#layout;
  }

  /**
   * Issues the training on one batch. Call it again only when it has returned; at most one result should be outstanding
   * then, or steps pile up on the device.
   * @throws whatever the encoders and the views throw: the state is then that from before the step; MocoError
   * loss-not-finite once a step has failed
   */
  async step(input: StepInput): Promise<IssuedStep> {
    if (this.#failure) throw this.#failure.error;
    const { kernels } = this.#options;
    const undo = this.#state.keep(this.#gate);
    let summary: DeviceArray;
    try {
      summary = await this.#takeStep(input);
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
    // Avoids an unhandledRejection; `finish` awaits it.
    reading.catch(() => {});
    const finish = async (): Promise<StepResult> => {
      await previous;
      const values = await reading;
      if (this.#failure) throw this.#failure.error;
      if (values[SUMMARY.gate] !== 1) {
        const error = new MocoError(
          'loss-not-finite',
          `step ${input.step}: loss, gradients or statistics are not finite, and the step was not taken: ` +
            'weights are those of the step before. Lower the learning rate',
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

  /** [V·N, C] what the method has put into the batch of that name in the last step, with V its views together. */
  rows(batch: string): Promise<Float32Array> {
    const { settings, method, kernels } = this.#options;
    const length = (method.viewsTogether ?? 1) * settings.batchSize * this.#layout.dim;
    return kernels.read(this.#workspace.array(`batch ${batch}`, length));
  }

  /** What the method has reported of the last step: losses [R·N] and embeddings [R·N, C], with R its reports an image. */
  async reported(): Promise<{ loss: Float32Array; embedding: Float32Array }> {
    const rows = this.#reported;
    const read = (name: string, length: number) =>
      this.#options.kernels.read(this.#workspace.array(name, length));
    const [loss, embedding] = await Promise.all([
      read(REPORTED.loss, rows),
      read(REPORTED.embedding, rows * this.#layout.dim),
    ]);
    return { loss, embedding };
  }

  /** Sum over the groups, in their order, of the gradients of the last step's mean loss, without weight decay. */
  async gradients(): Promise<Float32Array[]> {
    return Promise.all(this.#optimized.map(({ gradient }) => this.#options.kernels.read(gradient)));
  }

  /** The parameters of the encoder that learns, in the order of the network. */
  async weights(): Promise<Float32Array[]> {
    return Promise.all(this.#optimized.map(({ value }) => this.#options.kernels.read(value)));
  }

  /** A copy of everything that a checkpoint holds, when the steps issued so far are done. */
  async state(): Promise<SavedState> {
    await this.#inFlight;
    return this.#state.read();
  }

  /** Gives the encoders what has been learned so far in its inference form; `embed` uses it until the next call. */
  async prepareEmbedding(): Promise<void> {
    const { spec, settings, encoders } = this.#options;
    const folded = foldBatchNorm(buildNetwork(spec, 1, settings.imageSize).graph);
    await encoders.setInferenceWeights(foldWeights(folded, await this.#own.learned()));
  }

  /** Embeds images [n, 3, size, size] with the weights of the last `prepareEmbedding`. */
  embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#options.encoders.embed(images);
  }

  /** Frees the kernel memory. The encoders are not the trainer's to end. */
  dispose(): void {
    this.#workspace.dispose();
    this.#state.dispose();
  }

  /** Rows that a step reports. */
  get #reported(): number {
    const { method, settings } = this.#options;
    return (method.reports?.(settings) ?? 1) * settings.batchSize;
  }

  /** As it is now: others may have failed while one awaited. */
  #failed(): Failure | null {
    return this.#failure;
  }

  /** @returns the summary of the step, on the device */
  async #takeStep(input: StepInput): Promise<DeviceArray> {
    const { method, optimizer, settings, kernels, encoders } = this.#options;
    const step = this.#begin(input);
    method.begin?.(step);
    for (const name of this.#own.names) await encoders.weightsChanged(name);
    try {
      await method.run(step);
    } finally {
      await step.settled();
    }
    await step.finish();
    const gate = this.#gate;
    const losses = this.#workspace.array(REPORTED.loss, this.#reported);
    const gradients = this.#optimized.map(({ gradient }) => gradient);
    // Statistics too: a GPU's Relu may make 0 of NaN, and the loss of such keys is finite.
    kernels.finite({ gate, arrays: [losses, ...gradients, ...step.passes.flatMap(({ sums }) => sums)] });
    const updates = this.#state.counter(UPDATES);
    const { learningRate } = input;
    optimizer.update(kernels, this.#optimized, { settings, learningRate, updates, gate });
    this.#state.setCounter(UPDATES, updates + 1);
    method.commit?.(step);
    const { batchSize, groups } = settings;
    const { viewsTogether = 1 } = method;
    for (const { encoder, sums } of step.passes) {
      this.#own.statistics(encoder).update(sums, groups, (viewsTogether * batchSize) / groups, gate);
    }
    return this.#summarize(losses);
  }

  #begin(input: StepInput): RunningStep {
    const { settings, method, kernels, encoders } = this.#options;
    const context = {
      settings,
      viewsTogether: method.viewsTogether ?? 1,
      reported: this.#reported,
      kernels,
      encoders,
      dim: this.#layout.dim,
      state: this.#state,
      workspace: this.#workspace,
      gate: this.#gate,
      ranks: this.#ranks,
      rankSum: (name: string, lengths: readonly number[]) => this.#rankSum(name, lengths),
      parameters: (encoder: string) => this.#own.parameters(encoder),
      statisticsLengths: (encoder: string) => this.#own.statistics(encoder).lengths,
    };
    return beginStep(context, input);
  }

  #rankSum(name: string, lengths: readonly number[]): RankSum | undefined {
    if (this.#ranks.size === 1) return undefined;
    const sum = this.#rankSums.get(name) ?? new RankSum(this.#ranks, lengths);
    this.#rankSums.set(name, sum);
    return sum;
  }

  #summarize(loss: DeviceArray): DeviceArray {
    const rows = this.#reported;
    const summary = this.#workspace.array('summary', SUMMARY_LENGTH);
    this.#options.kernels.summary({
      loss,
      rank: this.#workspace.array(REPORTED.rank, rows),
      embedding: this.#workspace.array(REPORTED.embedding, rows * this.#layout.dim),
      gate: this.#gate,
      rows,
      dim: this.#layout.dim,
      summary,
    });
    return summary;
  }
}
