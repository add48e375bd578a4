import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** How many processors this process may use: at least 1. */
export async function coreCount(): Promise<number> {
  if (runtimeName() === 'browser') return navigator.hardwareConcurrency || 1;
  const { availableParallelism } = await nodeModule('os');
  return availableParallelism();
}
