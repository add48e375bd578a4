/** How a run goes on computing: as the saved run did, as anything else would give other bits, unless it is asked for. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { type Backend, type BackendChoice, type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { refuseGpu } from './require-ranks.ts';

/** @throws MocoError backend-unavailable */
export async function backendOf(
  request: BackendRequest,
  resume: Pick<LoadedCheckpoint, 'state'> | null | undefined,
): Promise<BackendChoice> {
  if (request !== 'auto' || !resume) return chooseBackend(request);
  const { backend, imported } = resume.state;
  // Another program computed so far.
  if (imported && !backend) return chooseBackend(request);
  if (backend) return { ...(await chooseBackend(backend)), reason: 'that of the saved run' };
  // Runs that record none are from before there was native code.
  const missing = { what: 'the saved run had none', advice: "backend 'native' takes it" };
  return chooseBackend('auto', { findNative: async () => ({ version: null, missing }) });
}

/** The same of one of several ranks, which compute on no GPU. @throws MocoError usage, backend-unavailable */
export async function backendOfRanks(
  request: BackendRequest,
  resume: Pick<LoadedCheckpoint, 'state'> | null | undefined,
  ranks: number,
): Promise<BackendChoice> {
  if (ranks > 1) refuseGpu(request === 'auto' ? resume?.state.backend : request, ranks);
  if (ranks === 1 || request !== 'auto' || resume) return backendOf(request, resume);
  const missing = { problem: 'no-adapter', what: 'several ranks take none', advice: '' } as const;
  return chooseBackend('auto', { findAdapter: async () => ({ adapter: null, missing }) });
}

/** How many groups go through the network in one run; null: as many as fit. Runs that record none are from before there were several. */
export function groupsAtOnceOf(
  asked: number | undefined,
  backend: Backend,
  resume: Pick<LoadedCheckpoint, 'state'> | null | undefined,
): number | null {
  if (asked !== undefined) return asked;
  if (backend !== 'webgpu' || resume?.state.backend !== 'webgpu') return null;
  return resume.state.groupsAtOnce ?? 1;
}
