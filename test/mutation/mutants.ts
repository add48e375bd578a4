/**
 * Mistakes that people make, all of which compile. Those of a kernel stand in the file here that has its name: WGSL for
 * shaders/, WASM for wasm/ where it has a file there; those of a file that kernels share stand with one of them.
 */
import type { KernelName } from '../../src/conformance/index.ts';
import { KERNEL_NAMES } from '../../src/conformance/suite.ts';
import type { Mutant } from './mutant.ts';

export async function mutantsIn(list: 'WGSL' | 'WASM'): Promise<Mutant[]> {
  const found: Mutant[] = [];
  for (const kernel of KERNEL_NAMES) {
    const lists: Partial<Record<typeof list, Mutant[]>> = await import(/* @vite-ignore */ `./${kernel}.ts`);
    found.push(...(lists[list] ?? []));
  }
  return found;
}

/** Whose cases run a file, from the files of each kernel. */
export type KernelsOfFile = ReadonlyMap<string, readonly KernelName[]>;

export function byFile(filesOf: (kernel: KernelName) => Iterable<string>): KernelsOfFile {
  const kernels = new Map<string, KernelName[]>();
  for (const kernel of KERNEL_NAMES) {
    for (const file of new Set(filesOf(kernel))) {
      const others = kernels.get(file);
      if (others) others.push(kernel);
      else kernels.set(file, [kernel]);
    }
  }
  return kernels;
}
