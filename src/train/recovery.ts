/** What a run does when something breaks that no worker pool can mend. */
import { fewerAtOnce } from '../encoder/choose-groups-at-once.ts';
import { groupsOfHalfTheSize, WASM_BUDGET } from '../encoder/recompute.ts';
import { type ErrorCode, MocoError } from '../errors.ts';
import type { NetworkSpec } from '../onnx/network.ts';
import type { Backend } from '../runtime/backend.ts';
import type { Settings } from '../settings/settings.ts';

/** A step that fails has been undone, and the state before it is in memory still, data that went away included: but not after these. */
const STATE_LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['device-lost', 'gpu-failed', 'array-freed']);

/** Whether the state of the step before can be saved after this error. */
export function leavesState(error: unknown, backend: Backend): boolean {
  const code = error instanceof MocoError ? error.code : null;
  if (code === null) return true;
  // On a full GPU nothing is sure.
  return !STATE_LOST.has(code) && (backend !== 'webgpu' || code !== 'out-of-memory');
}

/**
 * What to tell of an error of a step: where a group does not fit into memory, also which groups would. They are the
 * user's to choose: other groups are other statistics of BatchNorm, and so another run.
 * @param groupsAtOnce groups of one run: fewer of them change the last digits alone
 */
export function withAdvice(
  error: unknown,
  spec: NetworkSpec,
  config: Settings,
  backend: Backend,
  groupsAtOnce: number,
): unknown {
  if (!(error instanceof MocoError) || error.code !== 'out-of-memory') return error;
  const fewer = fewerAtOnce(groupsAtOnce);
  if (fewer !== null) {
    const advice = `${groupsAtOnce} groups at once do not fit: groupsAtOnce ${fewer} takes less, and changes the last digits alone`;
    return new MocoError('out-of-memory', `${error.message}; ${advice}`, { cause: error });
  }
  const { imageSize, batchSize, groups } = config;
  // Nothing tells how much a GPU has, nor what other programs leave of a machine's memory.
  const budget = backend === 'wasm' ? WASM_BUDGET : Number.POSITIVE_INFINITY;
  const fitting = groupsOfHalfTheSize(spec, imageSize, batchSize, groups, budget);
  const advice =
    fitting === null
      ? 'no number of groups leaves half as many images in each: lower the batch size or the image size'
      : `groups ${fitting} would take about half as much (a new run: other groups give other numbers)`;
  return new MocoError('out-of-memory', `${error.message}; groups ${groups} do not fit: ${advice}`, {
    cause: error,
  });
}
