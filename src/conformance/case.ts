import type { KernelName as RegistryName } from '../kernels/registry.ts';
import type { Trial } from './trial.ts';

type Hyphenated<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `-${Lowercase<First>}`}${Hyphenated<Rest>}`
  : '';

/** A kernel by the name that its files have: `gather-rows` is `gatherRows` of the registry. */
export type KernelName = Hyphenated<RegistryName>;

export function kernelName(name: RegistryName): KernelName {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) as KernelName;
}

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

/** What a file of cases/ holds: the cases of one kernel, by names without its own. */
export type KernelCases = readonly (readonly [
  name: string,
  run: Case['run'],
  elements?: number,
  slow?: 'slow',
])[];

export function casesOf(kernel: KernelName, cases: KernelCases): Case[] {
  return cases.map(([name, run, elements, slow]) => ({
    kernel,
    name: `${kernel}/${name}`,
    run,
    ...(elements === undefined ? {} : { elements }),
    ...(slow ? { slow: true } : {}),
  }));
}
