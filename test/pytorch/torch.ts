/** Debian's python3-torch, where it is installed: an oracle for tests. Elsewhere what it gave is recorded. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The system's own, beside which others may stand in the path. */
const PYTHON = process.env.MOCO_PYTHON ?? '/usr/bin/python3';

export const hasTorch: boolean = (() => {
  try {
    execFileSync(PYTHON, ['-c', 'import torch'], { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
})();

export const RECORDED = new URL('./recorded/', import.meta.url);

/** Runs a script of this folder; what it prints. */
export function python(script: string, ...args: string[]): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync(PYTHON, [path, ...args], { encoding: 'utf8', timeout: 120_000 });
}
