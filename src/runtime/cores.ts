import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** How many processors this process may use: at least 1. */
export async function coreCount(): Promise<number> {
  if (runtimeName() === 'browser') return navigator.hardwareConcurrency || 1;
  const { availableParallelism } = await nodeModule('os');
  return availableParallelism();
}

/**
 * How many of them one of so many processes on this machine should use, which a launcher may have bound to some or to none: at
 * least 1.
 */
export async function coresOfEach(processes: number): Promise<number> {
  const { availableParallelism, cpus } = await nodeModule('os');
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / processes)));
}
