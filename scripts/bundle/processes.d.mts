import type { Ending } from './parts.mjs';

export function runProgram(
  program: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; limitMs: number },
): Promise<Ending>;
