/** Everything that a run holds open: kernels, encoder workers, data workers, the trainer. */

import type { DatasetDescription } from '../data/dataset.ts';
import { requireGroupsAtOnce } from '../encoder/choose-groups-at-once.ts';
import type { RecomputeLevel } from '../encoder/recompute.ts';
import type { TileChoice } from '../kernels/conv-tiles.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { openKernels } from '../kernels/open.ts';
import { methodNamed } from '../methods/registry.ts';
import { networkOf } from '../models/choose-network.ts';
import type { GivenValues } from '../models/initial-values.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import type { Backend } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { startEncoders } from '../scheduler/start-encoders.ts';
import { ViewPool, type ViewPoolOptions, viewOptionsOf } from '../scheduler/view-pool.ts';
import { requireWorkerCounts, type WorkerCounts } from '../scheduler/worker-counts.ts';
import { alone, type Collective } from './collective.ts';
import type { PretrainConfig } from './configure.ts';
import { dumpGraphs } from './dump-graphs.ts';
import type { SavedState } from './state.ts';
import { Trainer } from './trainer.ts';

export interface Session {
  readonly backend: Backend;
  readonly kernels: Kernels;
  readonly encoders: GroupEncoders;
  readonly trainer: Trainer;
  /** Who shares the groups of a batch. */
  readonly ranks: Collective;
  /** Views of the training images. */
  readonly views: ViewPool;
  readonly viewOptions: ViewPoolOptions;
  /** How many steps may be issued and not done: on a GPU the next one, so that it never waits for the host. */
  readonly stepsUnderWay: number;
  /** What has happened since the last call that people should hear of: workers that were replaced. */
  takeNotices(): string[];
  dispose(): Promise<void>;
}

export interface SessionOptions extends WorkerCounts {
  readonly config: PretrainConfig;
  readonly backend: Backend;
  readonly data: DatasetDescription;
  /** Of a configuration that names an ONNX file. */
  readonly network?: ImportedNetwork | null;
  /** What the encoders compute again; null or left out: what they choose. */
  readonly recompute?: RecomputeLevel | null;
  /** webgpu: how many groups go through the network in one run; null or left out: as many as fit. */
  readonly groupsAtOnce?: number | null;
  /** webgpu: tiles of weight gradients that were chosen before; null or left out: they are chosen now. */
  readonly tiles?: TileChoice | null;
  /** webgpu: whether they are measured; left out: where the adapter is no software. */
  readonly measureTiles?: boolean | undefined;
  /** Goes on from here; null: from the beginning. */
  readonly saved: SavedState | null;
  /** Folder for the graphs that are run, see dump-graphs.ts. */
  readonly dumpGraphs?: string | undefined;
  /** What an imported encoder begins with. */
  readonly given?: GivenValues | undefined;
  /** Stands between trainer and encoders, for measurements. */
  readonly observe?: (encoders: GroupEncoders) => GroupEncoders;
  /** Left out: there is one. */
  readonly ranks?: Collective | undefined;
}

/** @throws MocoError usage (not a number of workers, or of groups at once), backend-unavailable, out-of-memory, data-missing, data-invalid, worker-died */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { config, data, ranks = alone } = options;
  const ownGroups = config.groups / ranks.size;
  requireWorkerCounts(options);
  requireGroupsAtOnce(options.groupsAtOnce, config.groups, options.backend);
  const spec = networkOf(config, options.network);
  const processors = options.workers ?? (await coreCount());
  // wasm, native: an augmented view costs far less than its encoding. webgpu: the processors have little else to do.
  const workers =
    options.backend !== 'webgpu' ? Math.min(processors, ownGroups) : Math.max(1, processors - 1);
  let notices: string[] = [];
  const tell = (message: string) => void notices.push(message);
  const takeNotices = () => {
    const fresh = notices;
    notices = [];
    return fresh;
  };
  const dataWorkers =
    options.dataWorkers ?? (options.backend !== 'webgpu' ? Math.max(1, Math.floor(workers / 2)) : workers);
  const viewOptions = { ...viewOptionsOf(config, dataWorkers), tell };
  const opened: { dispose(): unknown }[] = [];
  const dispose = async () => {
    // One that fails to end keeps no other from it.
    const failures: unknown[] = [];
    for (const resource of opened.toReversed()) {
      try {
        await resource.dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    // Beside encoders that leave no processor idle, further threads gain nothing (docs/performance.md).
    const kernels = await openKernels(options.backend, { threads: Math.min(4, Math.ceil(processors / 2)) });
    opened.push(kernels);
    const method = methodNamed(config.method);
    const groupSize = ((method.viewsTogether ?? 1) * config.batchSize) / config.groups;
    const { recompute } = options;
    const encoderOptions = { spec, groupSize, imageSize: config.imageSize, ...(recompute && { recompute }) };
    const pool = await startEncoders(kernels, encoderOptions, {
      backend: options.backend,
      workers,
      groups: ownGroups,
      groupsAtOnce: options.groupsAtOnce ?? undefined,
      tiles: options.tiles ?? undefined,
      measureTiles: options.measureTiles,
      together: method.together?.(config) ? ownGroups : 1,
      prefetch: options.prefetch,
      tell,
    });
    opened.push(pool);
    if (options.dumpGraphs !== undefined) await dumpGraphs(pool.plan, options.dumpGraphs);
    const encoders = options.observe?.(pool) ?? pool;
    const views = await ViewPool.start(data.train, viewOptions);
    opened.push(views);
    const trainer = await Trainer.create({
      settings: config,
      method,
      optimizer: optimizerNamed(config.optimizer),
      spec,
      given: options.given,
      saved: options.saved,
      kernels,
      encoders,
      ranks,
    });
    opened.push(trainer);
    const stepsUnderWay = options.backend === 'webgpu' ? 2 : 1;
    const { backend } = options;
    const made = { backend, kernels, encoders, trainer, ranks, views, viewOptions };
    return { ...made, stepsUnderWay, takeNotices, dispose };
  } catch (error) {
    // What is told is why it could not be opened.
    await dispose().catch(() => {});
    throw error;
  }
}
