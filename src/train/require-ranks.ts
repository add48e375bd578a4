import { MocoError } from '../errors.ts';
import type { Backend } from '../runtime/backend.ts';
import { alone } from './collective.ts';
import type { PretrainOptions } from './pretrain-options.ts';

/**
 * To be called before a run begins.
 * @throws MocoError usage where the groups of a batch cannot be shared among the ranks, or where a GPU is to compute
 */
export function requireRanks(
  { config: { groups }, ranks = alone, pause }: Pick<PretrainOptions, 'config' | 'ranks' | 'pause'>,
  backend: Backend,
): void {
  const { size } = ranks;
  if (size === 1) return;
  if (groups % size !== 0) {
    const fitting = Array.from({ length: groups }, (_, i) => i + 1).filter((count) => groups % count === 0);
    throw new MocoError(
      'usage',
      `groups ${groups} cannot be shared among ${size} ranks: start ${fitting.join(', ')} of them, or give groups that are a multiple of ${size}`,
    );
  }
  refuseGpu(backend, size);
  if (pause) throw new MocoError('usage', `a run of ${size} ranks cannot be paused: stop it, and resume it`);
}

/** Its gate would have to be waited for in every step. @throws MocoError usage */
export function refuseGpu(backend: string | null | undefined, ranks: number): void {
  if (backend !== 'webgpu') return;
  throw new MocoError(
    'usage',
    `backend webgpu is for one process, and there are ${ranks} ranks: take --backend native or wasm`,
  );
}
