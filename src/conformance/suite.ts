import type { Case } from './case.ts';
import { EMA_CASES } from './cases/ema.ts';
import { FINITE_CASES } from './cases/finite.ts';
import { INFONCE_CASES } from './cases/infonce.ts';
import { L2NORM_CASES } from './cases/l2norm.ts';
import { MOVE_CASES } from './cases/moves.ts';
import { QUEUE_CASES } from './cases/queue.ts';
import { SGD_CASES } from './cases/sgd.ts';
import { SUMMARY_CASES } from './cases/summary.ts';
import { TOPK_CASES } from './cases/topk.ts';

/** All cases: those with small arrays first, what is slow last. */
export const CASES: readonly Case[] = [
  ...EMA_CASES,
  ...SGD_CASES,
  ...MOVE_CASES,
  ...QUEUE_CASES,
  ...FINITE_CASES,
  ...L2NORM_CASES,
  ...SUMMARY_CASES,
  ...TOPK_CASES,
  ...INFONCE_CASES,
].sort((a, b) => Number(a.slow ?? false) - Number(b.slow ?? false) || (a.elements ?? 0) - (b.elements ?? 0));

export const CASE_NAMES: readonly string[] = CASES.map(({ name }) => name);

/** The case of that name, or else those whose names begin so. */
export function selectCases(only: string | undefined): readonly Case[] {
  if (only === undefined) return CASES;
  const named = CASES.filter(({ name }) => name === only);
  return named.length > 0 ? named : CASES.filter(({ name }) => name.startsWith(only));
}
