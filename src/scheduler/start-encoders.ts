import { channelBlock } from '../encoder/channel-block.ts';
import { chooseGroupsAtOnce, requireGroupsAtOnce } from '../encoder/choose-groups-at-once.ts';
import { ON_WASM, onNative, onWebGpu, type PlanOptions } from '../encoder/make-plan.ts';
import { rowsOf, type TrainingPlan } from '../encoder/training-plan.ts';
import type { TileChoice } from '../kernels/conv-tiles.ts';
import type { BackendKernels } from '../kernels/open.ts';
import type { WebGpuKernels } from '../kernels/webgpu/webgpu-kernels.ts';
import type { Backend } from '../runtime/backend.ts';
import { isSoftware } from '../runtime/gpu.ts';
import { memorySize } from '../runtime/memory.ts';
import type { GroupEncoders, Tiles } from './group-encoders.ts';
import { measureTiles } from './measure-tiles.ts';
import { WebGpuEncoders } from './webgpu-encoders.ts';
import { WorkerEncoders } from './worker-encoders.ts';

export interface StartEncodersOptions {
  readonly backend: Backend;
  /** wasm, native: how many groups are encoded side by side. */
  readonly workers: number;
  /** Groups of a batch that are encoded here; default 1. */
  readonly groups?: number | undefined;
  /** webgpu: of these, how many go through the network in one run; by default as many as fit. */
  readonly groupsAtOnce?: number | undefined;
  /** webgpu: tiles of weight gradients that were chosen before; left out: they are measured, see `measureTiles`. */
  readonly tiles?: TileChoice | undefined;
  /** webgpu: whether tiles are measured; left out: on a GPU, but not on an adapter that is software. */
  readonly measureTiles?: boolean | undefined;
  /** How many groups are trained on at once, with the activations of all of them kept (see GroupEncoders.train); default 1. */
  readonly together?: number | undefined;
  /** Groups whose images are made while others are encoded; by default as many as workers. */
  readonly prefetch?: number | undefined;
  /** Told of each worker that is replaced, in words for people. */
  readonly tell?: ((message: string) => void) | undefined;
}

/**
 * The encoders that go with the kernels.
 * @throws MocoError out-of-memory, worker-died, usage where so many groups cannot be taken at once
 */
export async function startEncoders(
  kernels: BackendKernels,
  options: Omit<PlanOptions, 'groupsAtOnce'>,
  {
    backend,
    workers: asked,
    groups = 1,
    groupsAtOnce,
    tiles,
    measureTiles: isMeasured,
    together = 1,
    prefetch = asked,
    tell,
  }: StartEncodersOptions,
): Promise<GroupEncoders> {
  requireGroupsAtOnce(groupsAtOnce, groups, backend);
  if (kernels.backend === 'wasm') {
    // A worker keeps the activations of one group.
    const workers = Math.max(asked, together);
    const place =
      backend === 'native' ? onNative(await memorySize(), workers, await channelBlock()) : ON_WASM;
    return WorkerEncoders.start(kernels, options, place, workers, prefetch, tell);
  }
  const place = onWebGpu(kernels.device);
  const { groups: atOnce, why } = chooseGroupsAtOnce(options, place, groups, groupsAtOnce);
  if (why !== null) tell?.(why);
  const inRuns = (count: number) => Math.ceil(count / atOnce);
  return WebGpuEncoders.start(
    kernels,
    { ...options, groupsAtOnce: atOnce },
    inRuns(prefetch),
    inRuns(together),
    (plan) => tilesFor(plan, kernels, tiles, isMeasured ?? !isSoftware(kernels.device)),
  );
}

async function tilesFor(
  plan: TrainingPlan,
  kernels: WebGpuKernels,
  kept: TileChoice | undefined,
  isMeasured: boolean,
): Promise<Tiles> {
  if (kept) return { how: 'kept', choice: kept };
  if (!isMeasured) return { how: 'usual', choice: {} };
  const convolutions = plan.backward.flatMap((part) => (part.kind === 'kernel' ? [part.convolution] : []));
  return { how: 'measured', choice: await measureTiles(kernels, convolutions, rowsOf(plan)) };
}
