import { MocoError } from '../errors.ts';
import type { Method } from './method.ts';
import { moco } from './moco.ts';
import { simclr } from './simclr.ts';
import { supervised } from './supervised.ts';

/** All methods, by the names that settings and checkpoints have for them. A new one is a file and a line here. */
export const METHODS = { moco, simclr, supervised } as const satisfies Readonly<Record<string, Method>>;

export const METHOD_NAMES = Object.keys(METHODS) as readonly (keyof typeof METHODS)[];

/** @throws MocoError usage where there is none of that name */
export function methodNamed(name: string): Method {
  if (Object.hasOwn(METHODS, name)) return METHODS[name as keyof typeof METHODS];
  throw new MocoError('usage', `unknown method '${name}': choose one of ${Object.keys(METHODS).join(', ')}`);
}
