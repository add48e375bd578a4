/** What two workers read from one list. */
import { packStrings } from '../../../src/data/shared.ts';
import { WorkerPool } from '../../../src/scheduler/pool.ts';
import type { StringsWorker } from './strings-worker.ts';

export interface Seen {
  readonly read: (string | undefined)[][];
  readonly shared: boolean[];
}

export const STRINGS = ['cat/1.jpg', '', 'Ärger/日本/🦓.png', '\ufeffmark'];

export async function main(): Promise<Seen> {
  const list = packStrings(STRINGS);
  const pool = await WorkerPool.start<StringsWorker>('strings-worker.mjs', 2, (remote) => remote.open(list));
  try {
    const both = [0, 1];
    // Held at the same time, so that each has a worker of its own.
    return {
      read: await Promise.all(
        both.map(() =>
          pool.hold('read', async (call) => {
            const read: (string | undefined)[] = [];
            for (const i of STRINGS.keys()) read.push(await call('at', (remote) => remote.at(i)));
            return read;
          }),
        ),
      ),
      shared: await Promise.all(both.map(() => pool.run('shared', (remote) => remote.isShared()))),
    };
  } finally {
    await pool.dispose();
  }
}
