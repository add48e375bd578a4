/** A worker that never answers: the run goes on with the same digits. It takes a minute to be told from one that is slow. */
import { expect, it, onTestFinished } from 'vitest';
import { noticesOf, numbersOf, run } from './run.ts';
import { watchWorkers } from './workers.ts';

it('encoder worker hangs → ended after a minute and replaced, same digits', async () => {
  const whole = await run({ knnEvery: 1 });
  expect(whole.error).toBeNull();
  const watched = watchWorkers(({ script, method, count }) =>
    script === 'encoder-worker.js' && method === 'backward' && count === 5 ? 'is lost' : 'reaches',
  );
  onTestFinished(() => watched.restore());
  const outcome = await run({ knnEvery: 1 });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome)).toEqual([
    'worker encoder-worker.js died: it gave no answer within 60 s and was ended; another takes its place',
  ]);
});
