/** Mutants of every kernel of wasm/: mistakes that people make, all of which compile. */
import type { KernelName } from '../../src/conformance/index.ts';
import type { Mutant } from './mutant.ts';
import { WASM_ELEMENTWISE } from './wasm-elementwise.ts';
import { WASM_INFONCE } from './wasm-infonce.ts';

/** Files that hold no kernel: the entry, the allocator (test/kernels/memory.test.ts), what the benchmark measures. */
export const NOT_KERNELS: readonly string[] = ['index.ts', 'memory.ts', 'peak.ts'];

/** Whose cases run the file. */
export const WASM_KERNELS: Readonly<Record<string, readonly KernelName[]>> = {
  'accumulate.ts': ['accumulate'],
  'ema.ts': ['ema', 'running'],
  'finite.ts': ['finite'],
  'infonce.ts': ['infonce'],
  'topk.ts': ['topk'],
  'l2norm.ts': ['l2norm'],
  'l2norm-backward.ts': ['l2norm'],
  'math.ts': ['infonce'],
  'enqueue.ts': ['enqueue'],
  'rank.ts': ['infonce'],
  'sgd.ts': ['sgd'],
  'summary.ts': ['summary'],
  'vector.ts': ['infonce', 'topk', 'l2norm'],
};

export const WASM_MUTANTS: readonly Mutant[] = [...WASM_ELEMENTWISE, ...WASM_INFONCE];
