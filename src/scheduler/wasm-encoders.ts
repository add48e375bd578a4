/** GroupEncoders on the wasm provider: a pool of workers with one single-threaded encoder each. */
import { transfer } from 'comlink';
import type { Embeddings, EncoderOptions, TrainingRole } from '../encoder/encoder.ts';
import type { EncoderWorker } from '../encoder/encoder-worker.ts';
import type { DeviceArray } from '../kernels/kernels.ts';
import type { WasmKernels } from '../kernels/wasm.ts';
import { canShareMemory } from '../runtime/worker.ts';
import type { GroupEncoders, GroupGradients, GroupStatistics } from './group-encoders.ts';
import { WorkerPool } from './pool.ts';

export class WasmEncoders implements GroupEncoders {
  readonly #pool: WorkerPool<EncoderWorker>;
  readonly #kernels: WasmKernels;
  readonly #weights: Record<TrainingRole, readonly DeviceArray[]> = { query: [], key: [] };
  /** One gradient at a time passes through here on its way into the sum. */
  readonly #staging = new Map<number, DeviceArray>();

  private constructor(pool: WorkerPool<EncoderWorker>, kernels: WasmKernels) {
    this.#pool = pool;
    this.#kernels = kernels;
  }

  static async start(
    kernels: WasmKernels,
    options: Omit<EncoderOptions, 'provider'>,
    workers: number,
  ): Promise<WasmEncoders> {
    const pool = await WorkerPool.start<EncoderWorker>('encoder-worker.js', workers, (remote) =>
      remote.open({ ...options, provider: 'wasm' }),
    );
    return new WasmEncoders(pool, kernels);
  }

  get parallel(): number {
    return this.#pool.size;
  }

  async attachWeights(query: readonly DeviceArray[], key: readonly DeviceArray[]): Promise<void> {
    this.#weights.query = query;
    this.#weights.key = key;
    await this.#send('query');
    await this.#send('key');
  }

  async weightsChanged(role: TrainingRole): Promise<void> {
    // Shared memory shows the change by itself.
    if (!canShareMemory()) await this.#send(role);
  }

  async forwardKey(
    images: () => Promise<Float32Array>,
    done: (embedding: Float32Array) => void,
  ): Promise<GroupStatistics> {
    const { embedding, statistics } = await this.#pool.run(async (remote) =>
      remote.forwardKey(moved(await images())),
    );
    done(embedding);
    return statistics;
  }

  async trainQuery(
    images: () => Promise<Float32Array>,
    loss: (embedding: Float32Array) => DeviceArray,
  ): Promise<{ statistics: GroupStatistics; gradients: GroupGradients }> {
    return this.#pool.run(async (remote) => {
      const { embedding, statistics } = await remote.forwardQuery(moved(await images()));
      const dEmbedding = Float32Array.from(this.#kernels.view(loss(embedding)));
      const gradients = await remote.backward(moved(dEmbedding));
      return { statistics, gradients: this.#gradients(gradients) };
    });
  }

  async setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    await this.#pool.broadcast((remote) => remote.setInferenceWeights(values));
  }

  async embed(images: () => Promise<Float32Array>): Promise<Embeddings> {
    return this.#pool.run(async (remote) => remote.embed(moved(await images())));
  }

  async dispose(): Promise<void> {
    await this.#pool.dispose();
    for (const array of this.#staging.values()) this.#kernels.free(array);
    this.#staging.clear();
  }

  async #send(role: TrainingRole): Promise<void> {
    const views = this.#weights[role].map((array) => this.#kernels.view(array));
    const arrays = canShareMemory() ? views : views.map((view) => Float32Array.from(view));
    await this.#pool.broadcast((remote) => remote.setWeights(role, arrays));
  }

  #gradients(gradients: readonly Float32Array[]): GroupGradients {
    const kernels = this.#kernels;
    return {
      copyTo: (sum) => {
        for (const [i, gradient] of gradients.entries()) kernels.write(sum[i]!, gradient);
      },
      addTo: (sum) => {
        for (const [i, gradient] of gradients.entries()) {
          const staging = this.#stagingOf(gradient.length);
          kernels.write(staging, gradient);
          kernels.accumulate(sum[i]!, staging);
        }
      },
    };
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
