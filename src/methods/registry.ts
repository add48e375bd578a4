import type { Method } from './method.ts';
import { moco } from './moco.ts';
import { knownMethod, type MethodName } from './names.ts';
import { simclr } from './simclr.ts';
import { supervised } from './supervised.ts';

/** All methods. A new one is a file, a line here and one in names.ts. */
const METHODS: Readonly<Record<MethodName, Method>> = { moco, simclr, supervised };

/** @throws MocoError usage where there is none of that name */
export function methodNamed(name: string): Method {
  return METHODS[knownMethod(name)];
}
