/** GroupEncoders on WebAssembly or native code: a pool of workers with one single-threaded encoder each. */
import { transfer } from 'comlink';
import type { Embeddings } from '../encoder/embeddings.ts';
import type { EncoderWorker } from '../encoder/encoder-worker.ts';
import { makePlan, type PlanOptions, type WorkerPlace } from '../encoder/make-plan.ts';
import type { RecomputeLevel } from '../encoder/recompute.ts';
import type { TrainingPlan } from '../encoder/training-plan.ts';
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WasmKernels } from '../kernels/wasm/wasm-kernels.ts';
import { canShareMemory } from '../runtime/shared-memory.ts';
import { type ArraySet, ArraySets } from './array-sets.ts';
import type { ArraySum, GroupArrays, GroupEncoders } from './group-encoders.ts';
import { inHeap, MemoryLevels } from './memory-levels.ts';
import { type Call, type Remote, WorkerPool } from './pool.ts';
import { Semaphore } from './semaphore.ts';
import { ENCODER_WORKER } from './worker-scripts.ts';

export class WorkerEncoders implements GroupEncoders {
  #pool!: WorkerPool<EncoderWorker>;
  readonly #kernels: WasmKernels;
  readonly #place: WorkerPlace;
  /** What workers run that begin now. */
  #plan: TrainingPlan;
  readonly #levels: MemoryLevels;
  /** Of groups that are encoded, or whose images are being made for it. */
  readonly #running: Semaphore;
  /** By the name of the encoder. */
  readonly #weights = new Map<string, readonly DeviceArray[]>();
  #inference: ReadonlyMap<string, Float32Array> | null = null;
  /** What comes from workers passes through here, one array of a length at a time. */
  readonly #staging = new Map<number, DeviceArray>();
  /** Where workers put gradients; null where memory cannot be shared. Without room in it they come in messages. */
  readonly #gradients: ArraySets | null;

  private constructor(
    kernels: WasmKernels,
    options: PlanOptions,
    place: WorkerPlace,
    semaphore: Semaphore,
    tell: (message: string) => void = () => {},
  ) {
    this.#kernels = kernels;
    this.#place = place;
    this.#plan = makePlan(options, place);
    const lengths = this.#plan.parameters.map(({ shape }) =>
      shape.reduce((product, size) => product * size, 1),
    );
    this.#gradients = canShareMemory() ? new ArraySets(kernels, lengths) : null;
    this.#running = semaphore;
    const renew = (recompute: RecomputeLevel) => {
      this.#plan = makePlan({ ...options, recompute }, place);
      this.#pool.renew();
    };
    this.#levels = new MemoryLevels(this.#plan.memory.level, renew, tell);
  }

  /**
   * @param prefetch groups whose images are made while others are encoded
   * @throws MocoError out-of-memory, worker-died
   */
  static async start(
    kernels: WasmKernels,
    options: PlanOptions,
    place: WorkerPlace,
    workers: number,
    prefetch: number,
    tell?: (message: string) => void,
  ): Promise<WorkerEncoders> {
    const encoders = new WorkerEncoders(kernels, options, place, new Semaphore(workers + prefetch), tell);
    encoders.#pool = await WorkerPool.start<EncoderWorker>(
      ENCODER_WORKER,
      workers,
      (remote) => encoders.#prepare(remote),
      {
        tell,
        native: place.provider === 'native',
        again: (error, upToDate) => encoders.#levels.again(error, upToDate),
      },
    );
    return encoders;
  }

  get parallel(): number {
    return this.#pool.size;
  }

  get plan(): TrainingPlan {
    return this.#plan;
  }

  async attachWeights(encoder: string, weights: readonly DeviceArray[]): Promise<void> {
    this.#weights.set(encoder, weights);
    await this.#send(encoder);
  }

  async weightsChanged(encoder: string): Promise<void> {
    if (!canShareMemory()) return this.#send(encoder);
    // WebAssembly's sessions read the shared memory, native ones copies that each worker has.
    if (this.#place.provider === 'native')
      await this.#pool.broadcast((remote) => remote.weightsChanged(encoder));
  }

  async forward(
    encoder: string,
    images: () => Promise<Float32Array>,
    done: (embedding: DeviceArray) => void,
  ): Promise<GroupArrays> {
    const { embedding, statistics } = await this.#withImages('forward', images, (call, values) =>
      call('forward', (remote) => inHeap(remote.forward(encoder, moved(values)))),
    );
    done(this.#staged(embedding));
    return this.#arrays(statistics);
  }

  /** Forward and backward are on one worker, which has the activations: where it dies, all of the group is done again. */
  async train(
    encoder: string,
    images: () => Promise<Float32Array>,
    ready: Promise<unknown>,
    loss: (embedding: DeviceArray) => DeviceArray,
    _sum: ArraySum,
    embedded?: (embedding: DeviceArray) => void,
  ): Promise<{ statistics: GroupArrays; gradients: GroupArrays }> {
    return this.#withImages('train', images, async (call, values) => {
      const { embedding, statistics } = await call('training forward', (remote) =>
        inHeap(remote.trainingForward(encoder, moved(values))),
      );
      embedded?.(this.#staged(embedding));
      await ready;
      const dEmbedding = Float32Array.from(this.#kernels.view(loss(this.#staged(embedding))));
      const gradients = await this.#backward(call, dEmbedding);
      return { statistics: this.#arrays(statistics), gradients };
    });
  }

  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    this.#inference = values;
    await this.#pool.broadcast((remote) => remote.setInferenceWeights(values));
  }

  embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#withImages('embed', images, (call, values) =>
      call('embed', (remote) => inHeap(remote.embed(moved(values)))),
    );
  }

  async dispose(): Promise<void> {
    await this.#pool.dispose();
    for (const array of this.#staging.values()) this.#kernels.free(array);
    this.#staging.clear();
    this.#gradients?.dispose();
  }

  /** A task on a worker. Its images are made while the tasks before it are at work; and again for each try after the first. */
  async #withImages<Result>(
    name: string,
    images: () => Promise<Float32Array>,
    task: (call: Call<EncoderWorker>, values: Float32Array) => Promise<Result>,
  ): Promise<Result> {
    await this.#running.acquire();
    try {
      let ready: Promise<Float32Array> | null = images();
      // Avoids an unhandledRejection; the task below awaits it.
      ready.catch(() => {});
      return await this.#pool.hold(name, async (call) => {
        const values = await (ready ?? images());
        ready = null;
        return task(call, values);
      });
    } finally {
      this.#running.release();
    }
  }

  async #backward(call: Call<EncoderWorker>, dEmbedding: Float32Array): Promise<GroupArrays> {
    const sets = this.#gradients;
    const set = sets?.take() ?? null;
    try {
      const gradients = await call('backward', (remote) =>
        inHeap(remote.backward(moved(dEmbedding), set?.views ?? null)),
      );
      return sets && set ? this.#shared(sets, set) : this.#arrays(gradients ?? []);
    } catch (error) {
      const mayStillWrite = error instanceof MocoError && error.code === 'worker-died';
      if (set && !mayStillWrite) sets?.giveBack(set);
      throw error;
    }
  }

  /** All that an encoder has to know by now. */
  async #prepare(remote: Remote<EncoderWorker>): Promise<void> {
    await remote.open(this.#plan, this.#place.provider);
    for (const encoder of this.#weights.keys()) {
      await remote.setWeights(encoder, this.#sharedWeights(encoder));
    }
    if (this.#inference) await remote.setInferenceWeights(this.#inference);
  }

  async #send(encoder: string): Promise<void> {
    const weights = this.#sharedWeights(encoder);
    await this.#pool.broadcast((remote) => remote.setWeights(encoder, weights));
  }

  #sharedWeights(encoder: string): Float32Array[] {
    const views = (this.#weights.get(encoder) ?? []).map((array) => this.#kernels.view(array));
    return canShareMemory() ? views : views.map((view) => Float32Array.from(view));
  }

  #arrays(arrays: readonly Float32Array[]): GroupArrays {
    const kernels = this.#kernels;
    return {
      values: arrays,
      copyTo: (targets) => {
        for (const [i, array] of arrays.entries()) kernels.write(targets[i]!, array);
      },
      addTo: (sums) => {
        for (const [i, array] of arrays.entries())
          kernels.accumulate({ sums: [sums[i]!], xs: [this.#staged(array)] });
      },
      release() {},
    };
  }

  #shared(sets: ArraySets, set: ArraySet): GroupArrays {
    return {
      values: set.views,
      copyTo: (targets) => this.#kernels.copy({ targets, sources: set.arrays }),
      addTo: (sums) => this.#kernels.accumulate({ sums, xs: set.arrays }),
      release: () => sets.giveBack(set),
    };
  }

  /** The values in kernel memory, until the next ones of their length. */
  #staged(values: Float32Array): DeviceArray {
    const array = this.#stagingOf(values.length);
    this.#kernels.write(array, values);
    return array;
  }

  #stagingOf(length: number): DeviceArray {
    let array = this.#staging.get(length);
    if (!array) {
      array = this.#kernels.allocate(length);
      this.#staging.set(length, array);
    }
    return array;
  }
}

/** Hands an array's memory over to a worker. An array in shared memory is passed as it is. */
function moved(values: Float32Array): Float32Array {
  return values.buffer instanceof ArrayBuffer ? transfer(values, [values.buffer]) : values;
}
