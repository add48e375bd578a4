/** Which backend a run goes on with: the saved run's, as another would give other bits, unless one is asked for. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { type BackendChoice, type BackendRequest, chooseBackend } from '../runtime/backend.ts';

/** @throws MocoError backend-unavailable */
export async function backendOf(
  request: BackendRequest,
  resume: Pick<LoadedCheckpoint, 'state'> | null | undefined,
): Promise<BackendChoice> {
  if (request !== 'auto' || !resume) return chooseBackend(request);
  const { backend } = resume.state;
  if (backend) return { ...(await chooseBackend(backend)), reason: 'that of the saved run' };
  // Runs that record none are from before there was native code.
  const missing = { what: 'the saved run had none', advice: "backend 'native' takes it" };
  return chooseBackend('auto', { findNative: async () => ({ version: null, missing }) });
}
