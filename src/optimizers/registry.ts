import { MocoError } from '../errors.ts';
import { adamw } from './adamw.ts';
import { lars } from './lars.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd } from './sgd.ts';

/** All optimizers, by the names that settings and checkpoints have for them. A new one is a file and a line here. */
export const OPTIMIZERS = { sgd, lars, adamw } as const satisfies Readonly<Record<string, Optimizer>>;

export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as readonly (keyof typeof OPTIMIZERS)[];

/** @throws MocoError usage where there is none of that name */
export function optimizerNamed(name: string): Optimizer {
  if (Object.hasOwn(OPTIMIZERS, name)) return OPTIMIZERS[name as keyof typeof OPTIMIZERS];
  throw new MocoError(
    'usage',
    `unknown optimizer '${name}': choose one of ${Object.keys(OPTIMIZERS).join(', ')}`,
  );
}
