/**
 * A program that joins others by `joinRanks`: it learns what one process learns. Joining leaves the process as the engine needs
 * it: UCX would overwrite code that runs, and take the engine's signals.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandIn, type Mpi, startRanks, withMpi } from './launchers.ts';

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const [PROCESS, PROGRAM] = [beside('rank-process.mjs'), beside('rank-program.mjs')];

describe('a process that has joined', () => {
  for (const mpi of ['Open MPI', 'MPICH'] as const satisfies readonly Mpi[]) {
    withMpi([mpi], () => {
      it.each(['node', 'deno'] as const)(
        `has the C library’s code and errors of wasm (${mpi}, %s)`,
        async (on) => {
          const command = [...commandIn(on).slice(0, -1), PROCESS];
          const { code, out } = await startRanks(mpi, 2, [command]).ended;
          expect(code, out).toBe(0);
          const said = out.match(/^\{.*\}$/gm)!.map((line) => JSON.parse(line));
          expect(said.map(({ rank }) => rank).sort()).toEqual([0, 1]);
          for (const { changed, seen, beyond } of said) {
            expect(seen).toBeGreaterThan(500_000);
            expect(changed).toBe(0);
            expect(beyond).toBe('RuntimeError');
          }
        },
      );
    });
  }
});

describe('a program of one’s own', () => {
  withMpi(['MPICH'], () => {
    it('has on two ranks the losses of one process', async () => {
      const alone = spawnSync(process.execPath, [PROGRAM, '--alone'], { encoding: 'utf8' });
      const { code, out } = await startRanks('MPICH', 2, [[process.execPath, PROGRAM]]).ended;
      expect(code, out).toBe(0);
      expect(out.match(/^loss /gm)).toHaveLength(3);
      expect(out).toBe(alone.stdout);
    });
  });
});
