/** Mutants of every file of shaders/: mistakes that people make, all of which compile. */
import type { KernelName } from '../../src/conformance/index.ts';
import type { Mutant } from './mutant.ts';
import { WGSL_ELEMENTWISE } from './wgsl-elementwise.ts';
import { WGSL_INFONCE } from './wgsl-infonce.ts';
import { WGSL_RANK_KNN } from './wgsl-rank-knn.ts';
import { WGSL_REDUCTIONS } from './wgsl-reductions.ts';

/** Whose cases run the file. */
export const WGSL_KERNELS: Readonly<Record<string, readonly KernelName[]>> = {
  'accumulate.wgsl': ['accumulate'],
  'copy.wgsl': ['copy'],
  'ema.wgsl': ['ema', 'running'],
  'enqueue.wgsl': ['enqueue'],
  'exact-sign.wgsl': ['infonce'],
  'finite.wgsl': ['finite'],
  'gather-rows.wgsl': ['gather-rows'],
  'infonce.wgsl': ['infonce'],
  'infonce-combine.wgsl': ['infonce'],
  'infonce-rank.wgsl': ['infonce'],
  'topk-select.wgsl': ['topk'],
  'topk-similarities.wgsl': ['topk'],
  'l2norm.wgsl': ['l2norm'],
  'l2norm-backward.wgsl': ['l2norm'],
  'reduce.wgsl': ['l2norm', 'summary'],
  'reduce-plain.wgsl': ['l2norm', 'summary'],
  'reduce-subgroups.wgsl': ['l2norm', 'summary'],
  'scatter-rows.wgsl': ['scatter-rows'],
  'sgd.wgsl': ['sgd'],
  'summary.wgsl': ['summary'],
};

export const WGSL_MUTANTS: readonly Mutant[] = [
  ...WGSL_ELEMENTWISE,
  ...WGSL_REDUCTIONS,
  ...WGSL_INFONCE,
  ...WGSL_RANK_KNN,
];
