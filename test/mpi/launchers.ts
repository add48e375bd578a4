/** mpirun of Open MPI and of MPICH, as far as they are here, and the command under them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

export type Mpi = 'Open MPI' | 'MPICH';
export type On = 'node' | 'deno';

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** Of both libraries as Debian has them, for what takes the wrong one. */
export const LIBRARY: Readonly<Record<Mpi, string>> = { 'Open MPI': 'libmpi.so.40', MPICH: 'libmpich.so.12' };

const SAYS: Readonly<Record<Mpi, RegExp>> = { 'Open MPI': /Open MPI|OpenRTE/, MPICH: /HYDRA|MPICH/ };
/** Debian's names, where both are installed, come first. */
const NAMES: Readonly<Record<Mpi, readonly string[]>> = {
  'Open MPI': ['mpirun.openmpi', 'mpirun'],
  MPICH: ['mpirun.mpich', 'mpirun'],
};

function find(mpi: Mpi): string | null {
  const is = (name: string) => {
    const { stdout, error } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    return !error && SAYS[mpi].test(stdout);
  };
  return NAMES[mpi].find(is) ?? null;
}

const MPIRUN: Readonly<Record<Mpi, string | null>> = { 'Open MPI': find('Open MPI'), MPICH: find('MPICH') };
export const has = (mpi: Mpi): boolean => MPIRUN[mpi] !== null;

/** Those of the tests that a launcher is here for; of the others it says NOT RUN, and with MOCO_REQUIRE_MPI=1 it fails. */
export function withMpi(launchers: readonly Mpi[], suite: () => void): void {
  const missing = launchers.filter((mpi) => !has(mpi));
  if (missing.length === 0) {
    suite();
    return;
  }
  const reason = `no mpirun of ${missing.join(' and ')} (Debian: openmpi-bin, mpich)`;
  describe(launchers.join(' and '), () => {
    if (process.env.MOCO_REQUIRE_MPI === '1') {
      it('is here', () => {
        throw new Error(`MOCO_REQUIRE_MPI=1, but ${reason}`);
      });
    } else {
      console.warn(`NOT RUN: ${reason}`);
      it.skip(`NOT RUN: ${reason}`, () => {});
    }
  });
}

/** The command in a runtime; Deno itself, as its npm package finds it. */
export function commandIn(on: On): string[] {
  if (on === 'node') return [process.execPath, CLI];
  const require = createRequire(import.meta.url);
  const { runInstall } = require('deno/install_api.cjs') as { runInstall(): string };
  return [runInstall(), 'run', '-A', CLI];
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
}

/** More ranks than cores, and root, as on machines for tests: Open MPI has to be told. */
const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  DENO_NO_UPDATE_CHECK: '1',
  NO_COLOR: '1',
};

/** @param commands of one rank after the other, or one for all. */
export function startRanks(
  mpi: Mpi,
  ranks: number,
  commands: readonly (readonly string[])[],
  environment: Readonly<Record<string, string>> = {},
): { readonly process: ChildProcess; readonly ended: Promise<Ended> } {
  const each = String(ranks / commands.length);
  const args = commands.flatMap((command, i) => [...(i > 0 ? [':'] : []), '-n', each, ...command]);
  const child = spawn(MPIRUN[mpi]!, args, { env: { ...process.env, ...ENVIRONMENT, ...environment } });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (out += String(text)));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, out })));
  return { process: child, ended };
}
