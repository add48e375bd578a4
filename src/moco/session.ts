/** Everything that a run holds open: kernels, encoder workers, data workers, the trainer. */
import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import { createWasmKernels, type WasmKernels } from '../kernels/wasm.ts';
import { coreCount } from '../runtime/cores.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { ViewPool, type ViewPoolOptions } from '../scheduler/view-pool.ts';
import { WasmEncoders } from '../scheduler/wasm-encoders.ts';
import type { PretrainConfig } from './config.ts';
import { stateLayout } from './layout.ts';
import { networkOf } from './network.ts';
import type { StateLayout, TrainerState } from './state.ts';
import { Trainer } from './trainer.ts';

export interface Session {
  readonly kernels: WasmKernels;
  readonly encoders: GroupEncoders;
  readonly trainer: Trainer;
  readonly layout: StateLayout;
  /** Views of the training images. */
  readonly views: ViewPool;
  readonly viewOptions: ViewPoolOptions;
  dispose(): Promise<void>;
}

export interface SessionOptions {
  readonly config: PretrainConfig;
  readonly backend: 'wasm' | 'webgpu';
  readonly data: DatasetDescription;
  /** Encoder workers; by default as many as there are cores, and no more than groups. */
  readonly workers?: number;
  readonly state: (layout: StateLayout) => TrainerState;
  /** Stands between trainer and encoders, for measurements. */
  readonly observe?: (encoders: GroupEncoders) => GroupEncoders;
}

/** @throws MocoError backend-unavailable, out-of-memory, data-missing, data-invalid */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { config, data } = options;
  if (options.backend !== 'wasm') {
    throw new MocoError('backend-unavailable', 'this version trains on wasm only: use --backend wasm');
  }
  const spec = networkOf(config);
  const layout = stateLayout(spec, config.imageSize, config.queueSize);
  const workers = Math.min(options.workers ?? (await coreCount()), config.groups);
  const viewOptions = viewOptionsOf(config, Math.max(1, Math.floor(workers / 2)));
  const opened: { dispose(): unknown }[] = [];
  const dispose = async () => {
    for (const resource of opened.toReversed()) await resource.dispose();
  };
  try {
    const kernels = await createWasmKernels();
    opened.push(kernels);
    const groupSize = config.batchSize / config.groups;
    const encoderOptions = { spec, groupSize, imageSize: config.imageSize };
    const pool = await WasmEncoders.start(kernels, encoderOptions, workers);
    opened.push(pool);
    const encoders = options.observe?.(pool) ?? pool;
    const views = await ViewPool.start(data.train, viewOptions);
    opened.push(views);
    const trainer = await Trainer.create(
      { ...config, spec },
      layout,
      options.state(layout),
      kernels,
      encoders,
    );
    opened.push(trainer);
    return { kernels, encoders, trainer, layout, views, viewOptions, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** How the images of a configuration are made. */
export function viewOptionsOf(config: PretrainConfig, workers: number): ViewPoolOptions {
  const { augmentation, imageSize, seed } = config;
  return { recipe: augmentation, imageSize, seed, workers };
}
