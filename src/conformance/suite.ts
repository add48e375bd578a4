import type { KernelName as RegistryName } from '../kernels/registry.ts';
import { type Case, casesOf, type KernelCases, type KernelName, kernelName } from './case.ts';
import { accumulate } from './cases/accumulate.ts';
import { adamw } from './cases/adamw.ts';
import { add } from './cases/add.ts';
import { batchNorm } from './cases/batch-norm.ts';
import { batchNormBackward } from './cases/batch-norm-backward.ts';
import { convInputGradient } from './cases/conv-input-gradient.ts';
import { convWeightGradient } from './cases/conv-weight-gradient.ts';
import { convolution } from './cases/convolution.ts';
import { copy } from './cases/copy.ts';
import { crossEntropy } from './cases/cross-entropy.ts';
import { ema } from './cases/ema.ts';
import { enqueue } from './cases/enqueue.ts';
import { finite } from './cases/finite.ts';
import { gatherRows } from './cases/gather-rows.ts';
import { infonce } from './cases/infonce.ts';
import { l2norm } from './cases/l2norm.ts';
import { l2normBackward } from './cases/l2norm-backward.ts';
import { lars } from './cases/lars.ts';
import { ntxent } from './cases/ntxent.ts';
import { relu } from './cases/relu.ts';
import { reluBackward } from './cases/relu-backward.ts';
import { scatterRows } from './cases/scatter-rows.ts';
import { sgd } from './cases/sgd.ts';
import { summary } from './cases/summary.ts';
import { topk } from './cases/topk.ts';

/** A new kernel is a file in cases/, one in references/, both of its name, and a line. */
const SUITE: Readonly<Record<RegistryName, KernelCases>> = {
  accumulate,
  adamw,
  add,
  batchNorm,
  batchNormBackward,
  convInputGradient,
  convWeightGradient,
  convolution,
  copy,
  crossEntropy,
  ema,
  enqueue,
  finite,
  gatherRows,
  infonce,
  l2norm,
  l2normBackward,
  lars,
  ntxent,
  relu,
  reluBackward,
  scatterRows,
  sgd,
  summary,
  topk,
};

const OF_KERNELS = (Object.entries(SUITE) as [RegistryName, KernelCases][]).map(
  ([name, cases]) => [kernelName(name), cases] as const,
);

/** In the order of the table. */
export const KERNEL_NAMES: readonly KernelName[] = OF_KERNELS.map(([kernel]) => kernel);

/** All cases: those with small arrays first, what is slow last. */
export const CASES: readonly Case[] = OF_KERNELS.flatMap(([kernel, cases]) => casesOf(kernel, cases)).sort(
  (a, b) => Number(a.slow ?? false) - Number(b.slow ?? false) || (a.elements ?? 0) - (b.elements ?? 0),
);

export const CASE_NAMES: readonly string[] = CASES.map(({ name }) => name);

/** The case of that name, or else those whose names begin so. */
export function selectCases(only: string | undefined): readonly Case[] {
  if (only === undefined) return CASES;
  const named = CASES.filter(({ name }) => name === only);
  return named.length > 0 ? named : CASES.filter(({ name }) => name.startsWith(only));
}
