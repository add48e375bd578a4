/** What is done side by side: images are made ahead, and queries are encoded while the last keys are. */

import { expect, it, onTestFinished } from 'vitest';
import { STREAMS } from '../../src/random.ts';
import { BATCH, GROUPS, input, openTiny, SIZE } from '../train/tiny.ts';

const GROUP = BATCH / GROUPS;
const PIXELS = GROUP * 3 * SIZE * SIZE;

it('makes the images of as many groups ahead as it may, and no more', async () => {
  const tiny = await openTiny(1, { prefetch: 2 });
  onTestFinished(() => tiny.dispose());
  // Gives the encoders their weights.
  await tiny.trainer();
  const asked: number[] = [];
  let third = (): void => {};
  const thirdAsked = new Promise<void>((resolve) => {
    third = resolve;
  });
  const groups = Array.from({ length: 5 }, (_, group) =>
    tiny.encoders.forward(
      'encoder_k',
      async () => {
        asked.push(group);
        if (group === 2) third();
        // The first group's are ready once those of the third are being made: without prefetch never.
        if (group === 0) await thirdAsked;
        return new Float32Array(PIXELS).fill(group);
      },
      () => {
        // One is encoded, and two may be ready.
        expect(asked.length).toBeLessThanOrEqual(group + 3);
      },
    ),
  );
  for (const statistics of await Promise.all(groups)) statistics.release();
  expect(asked).toEqual([0, 1, 2, 3, 4]);
});

it('encodes queries while the last keys are encoded, and waits for these with the loss', async () => {
  const tiny = await openTiny(2, { prefetch: 0 });
  onTestFinished(() => tiny.dispose());
  const plain = await (await (await tiny.trainer()).step(input(1))).result;
  const trainer = await tiny.trainer();
  const { views, ...rest } = input(1);
  let query = (): void => {};
  const queryBegun = new Promise<void>((resolve) => {
    query = resolve;
  });
  let keys = 0;
  const { result } = await trainer.step({
    ...rest,
    async views(stream, positions) {
      if (stream === STREAMS.firstView) query();
      // Without prefetch a group's images are made when it has a worker: this one's come when a query has the other.
      else if (++keys === GROUPS) await queryBegun;
      return views(stream, positions);
    },
  });
  expect(await result).toEqual(plain);
});

it('a step whose last keys fail is thrown with their error, though queries wait for them', async () => {
  const tiny = await openTiny(1);
  onTestFinished(() => tiny.dispose());
  const trainer = await tiny.trainer();
  const { views, ...rest } = input(1);
  let keys = 0;
  const failing = trainer.step({
    ...rest,
    async views(stream, positions) {
      if (stream === STREAMS.secondView && ++keys === GROUPS) throw new Error('no such image');
      return views(stream, positions);
    },
  });
  await expect(failing).rejects.toThrow('no such image');
  // Nothing is left behind of it.
  const after = await (await trainer.step(input(1))).result;
  expect(after).toEqual(await (await (await tiny.trainer()).step(input(1))).result);
});
