/** What a run does when something breaks that no worker pool can mend. */
import { type ErrorCode, MocoError } from '../errors.ts';

/** A step that fails so has been undone, and the state before it is in memory still. */
const STATE_LEFT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'loss-not-finite',
  'out-of-memory',
  'worker-died',
]);

/** Whether the state of the step before can be saved after this error. */
export function leavesState(error: unknown): boolean {
  return error instanceof MocoError && STATE_LEFT.has(error.code);
}
