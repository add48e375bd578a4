import type { Trial } from './trial.ts';

/** In the order of the table. */
export const KERNEL_NAMES = [
  'ema',
  'running',
  'sgd',
  'accumulate',
  'copy',
  'gather-rows',
  'scatter-rows',
  'enqueue',
  'finite',
  'l2norm',
  'summary',
  'infonce',
  'topk',
] as const;
export type KernelName = (typeof KERNEL_NAMES)[number];

export interface Case {
  readonly kernel: KernelName;
  /** Begins with the name of the kernel and a slash; unlike all others. */
  readonly name: string;
  /** Elements of its largest array, where that is large: such a case comes late, and may be more than a device holds. */
  readonly elements?: number;
  /** It takes as long as all others together: left out of a run that has taken `SLOW_AFTER` seconds before it. */
  readonly slow?: boolean;
  readonly run: (trial: Trial) => Promise<void>;
}

export const SLOW_AFTER = 30;

/** The cases of one kernel. */
export function casesOf(
  kernel: KernelName,
  cases: readonly (readonly [name: string, run: Case['run'], elements?: number])[],
): Case[] {
  return cases.map(([name, run, elements]) => ({
    kernel,
    name: `${kernel}/${name}`,
    run,
    ...(elements === undefined ? {} : { elements }),
  }));
}
