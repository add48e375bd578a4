import { describe, expect, it } from 'vitest';
import { Sequencer } from '../../src/scheduler/sequencer.ts';

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('Sequencer', () => {
  it('runs tasks one at a time in the order of the calls, whatever is ready first', async () => {
    const sequencer = new Sequencer(3);
    const log: string[] = [];
    let running = 0;
    const task = (name: string, preparing: number) =>
      sequencer.run(
        async () => {
          await later(preparing);
          return name;
        },
        async (prepared) => {
          expect(++running).toBe(1);
          log.push(prepared);
          await later(1);
          running--;
          return prepared.toUpperCase();
        },
      );
    const results = await Promise.all([task('a', 20), task('b', 1), task('c', 10), task('d', 0)]);
    expect(log).toEqual(['a', 'b', 'c', 'd']);
    expect(results).toEqual(['A', 'B', 'C', 'D']);
  });

  it('prepares as many ahead as it may, and no more', async () => {
    const sequencer = new Sequencer(2);
    let prepared = 0;
    let most = 0;
    const runs = Array.from({ length: 8 }, () =>
      sequencer.run(
        async () => {
          most = Math.max(most, ++prepared);
        },
        async () => {
          await later(2);
          prepared--;
        },
      ),
    );
    await Promise.all(runs);
    // The one that runs, and two more.
    expect(most).toBe(3);
  });

  it('a failure belongs to its own task, in its turn, and the next ones go on', async () => {
    const sequencer = new Sequencer(1);
    const first = sequencer.run(
      () => later(10),
      async () => 'first',
    );
    const unprepared = sequencer.run(
      () => Promise.reject(new Error('not prepared')),
      async () => 'never',
    );
    const failing = sequencer.run(
      async () => {},
      async () => {
        throw new Error('failed');
      },
    );
    const last = sequencer.run(
      async () => 'last',
      async (value) => value,
    );
    expect(await first).toBe('first');
    await expect(unprepared).rejects.toThrow('not prepared');
    await expect(failing).rejects.toThrow('failed');
    expect(await last).toBe('last');
  });

  it('finish waits for all of them', async () => {
    const sequencer = new Sequencer(1);
    let done = 0;
    const task = async () => {
      await later(3);
      done++;
      throw new Error('nobody minds');
    };
    const runs = Promise.allSettled([1, 2, 3].map(() => sequencer.run(async () => {}, task)));
    await sequencer.finish();
    expect(done).toBe(3);
    expect((await runs).every(({ status }) => status === 'rejected')).toBe(true);
    await new Sequencer(1).finish();
  });
});
