/** An encoder from a file, on as many workers as there are, or on the GPU. */
import { transfer } from 'comlink';
import type { EncoderWorker } from '../encoder/encoder-worker.ts';
import { type ModelPart, ModelSession } from '../encoder/model-session.ts';
import type { Backend } from '../runtime/backend.ts';
import { requestDevice } from '../runtime/gpu.ts';
import { WorkerPool } from './pool.ts';
import { Semaphore } from './semaphore.ts';
import { ENCODER_WORKER } from './worker-scripts.ts';

export interface ModelEncoders {
  /** How many calls are run side by side. */
  readonly parallel: number;
  /** Images [n, 3, size, size], made when there is a worker for them → [n, dim]. */
  run(images: () => Promise<Float32Array>): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** @throws MocoError model-invalid where onnxruntime refuses the model, backend-unavailable, worker-died */
export async function startModelEncoders(
  part: ModelPart,
  backend: Backend,
  workers: number,
): Promise<ModelEncoders> {
  return backend === 'webgpu' ? onGpu(part) : onWorkers(part, backend, workers);
}

async function onWorkers(
  part: ModelPart,
  provider: 'wasm' | 'native',
  workers: number,
): Promise<ModelEncoders> {
  const pool = await WorkerPool.start<EncoderWorker>(ENCODER_WORKER, workers, (remote) =>
    remote.openModel(part, provider),
  );
  // Images of one call are made while those before are at work.
  const running = new Semaphore(2 * workers);
  return {
    parallel: workers,
    async run(images) {
      await running.acquire();
      try {
        let ready: Promise<Float32Array> | null = images();
        // Avoids an unhandledRejection; the task below awaits it.
        ready.catch(() => {});
        return await pool.hold('run', async (call) => {
          // Made again where a worker has died with them.
          const values = await (ready ?? images());
          ready = null;
          return call('run', (remote) => remote.runModel(transfer(values, [values.buffer as ArrayBuffer])));
        });
      } finally {
        running.release();
      }
    },
    dispose: () => pool.dispose(),
  };
}

async function onGpu(part: ModelPart): Promise<ModelEncoders> {
  const { device } = await requestDevice();
  try {
    const session = await ModelSession.open(part, { provider: 'webgpu', device });
    const turn = new Semaphore(1);
    return {
      parallel: 1,
      async run(images) {
        await turn.acquire();
        try {
          return await session.run(await images());
        } finally {
          turn.release();
        }
      },
      async dispose() {
        await session.dispose();
        device.destroy();
      },
    };
  } catch (error) {
    device.destroy();
    throw error;
  }
}
