import { MocoError } from '../errors.ts';
import { adamw } from './adamw.ts';
import { lars } from './lars.ts';
import { OPTIMIZER_NAMES, type OptimizerName } from './names.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd } from './sgd.ts';

/** All optimizers. A new one is a file, a line here and one in names.ts. */
const OPTIMIZERS: Readonly<Record<OptimizerName, Optimizer>> = { sgd, lars, adamw };

/** @throws MocoError usage where there is none of that name */
export function optimizerNamed(name: string): Optimizer {
  if (Object.hasOwn(OPTIMIZERS, name)) return OPTIMIZERS[name as OptimizerName];
  throw new MocoError('usage', `unknown optimizer '${name}': choose one of ${OPTIMIZER_NAMES.join(', ')}`);
}
