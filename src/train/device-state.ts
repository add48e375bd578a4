/** What training changes, in kernel memory: the weights of both encoders, momentum, queue and running statistics. */
import type { DeviceArray, Kernels } from '../kernels/kernels.ts';
import { RunningStatistics } from './running-statistics.ts';
import type { StateLayout, TrainerState } from './state.ts';

export class DeviceState {
  readonly #kernels: Kernels;
  /** θq and θk, in the order of the parameters. */
  readonly query: readonly DeviceArray[];
  readonly key: readonly DeviceArray[];
  /** θk as it was before the step, so that a step that goes bad can be undone. */
  readonly #keyBefore: readonly DeviceArray[];
  /** SGD's momentum buffers. */
  readonly momentum: readonly DeviceArray[];
  /** [K, C] */
  readonly queue: DeviceArray;
  queuePointer: number;
  readonly queryStatistics: RunningStatistics;
  readonly keyStatistics: RunningStatistics;

  /** @throws MocoError out-of-memory */
  constructor(kernels: Kernels, layout: StateLayout, state: TrainerState) {
    const hold = (values: Float32Array): DeviceArray => {
      const array = kernels.allocate(values.length);
      kernels.write(array, values);
      return array;
    };
    this.#kernels = kernels;
    this.query = state.query.parameters.map(hold);
    this.key = state.key.parameters.map(hold);
    this.#keyBefore = this.key.map(({ length }) => kernels.allocate(length));
    this.momentum = state.momentum.map(hold);
    this.queue = hold(state.queue);
    this.queuePointer = state.queuePointer;
    this.queryStatistics = new RunningStatistics(kernels, layout.layers, state.query);
    this.keyStatistics = new RunningStatistics(kernels, layout.layers, state.key);
  }

  /**
   * To be called before a step; gives what undoes it. Only θk has to be kept: SGD, queue and statistics wait for the gate,
   * which closes where a step goes bad. While it is closed, what was kept before that step stays kept.
   */
  keep(gate: DeviceArray): () => void {
    const { queuePointer } = this;
    const queryBatches = this.queryStatistics.batchesTracked;
    const keyBatches = this.keyStatistics.batchesTracked;
    this.#kernels.copy(this.#keyBefore, this.key, gate);
    return () => {
      this.queuePointer = queuePointer;
      this.queryStatistics.batchesTracked = queryBatches;
      this.keyStatistics.batchesTracked = keyBatches;
      this.#kernels.copy(this.key, this.#keyBefore);
    };
  }

  /** A copy, after everything issued so far. */
  async read(): Promise<TrainerState> {
    const { queuePointer } = this;
    const copies = (arrays: readonly DeviceArray[]) =>
      Promise.all(arrays.map((array) => this.#kernels.read(array)));
    return {
      query: { parameters: await copies(this.query), ...(await this.queryStatistics.read()) },
      key: { parameters: await copies(this.key), ...(await this.keyStatistics.read()) },
      momentum: await copies(this.momentum),
      queue: await this.#kernels.read(this.queue),
      queuePointer,
    };
  }

  dispose(): void {
    for (const array of [this.query, this.key, this.#keyBefore, this.momentum, this.queue].flat()) {
      this.#kernels.free(array);
    }
    this.queryStatistics.dispose();
    this.keyStatistics.dispose();
  }
}
