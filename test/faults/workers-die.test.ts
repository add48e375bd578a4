/** Workers that crash: the run goes on with the same digits, or ends with what it had learned. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { noticesOf, numbersOf, type Outcome, run } from './run.ts';
import { type Call, type Fate, watchWorkers } from './workers.ts';

let whole: Outcome;
beforeAll(async () => {
  whole = await run({ knnEvery: 1 });
  expect(whole.error).toBeNull();
});

/** Fails for one call. */
const once = (script: string, method: string, count: number, fate: Fate) => (call: Call) =>
  call.script === script && call.method === method && call.count === count ? fate : 'reaches';

function watch(fate: (call: Call) => Fate) {
  const watched = watchWorkers(fate);
  onTestFinished(() => watched.restore());
  return watched;
}

it.each([
  ['encoder worker killed in a forward without gradient', 'encoder-worker.js', 'forward', 3],
  ['encoder worker killed in a training forward', 'encoder-worker.js', 'trainingForward', 4],
  ['encoder worker killed in a query backward', 'encoder-worker.js', 'backward', 3],
  ['encoder worker killed while it embeds for kNN', 'encoder-worker.js', 'embed', 2],
  ['encoder worker killed while it is given kNN weights', 'encoder-worker.js', 'setInferenceWeights', 3],
  ['data worker killed while it makes views', 'data-worker.js', 'views', 5],
])('%s → replaced, same digits', async (_, script, method, count) => {
  watch(once(script, method, count, 'kills'));
  const outcome = await run({ knnEvery: 1 });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome)).toEqual([
    expect.stringMatching(new RegExp(`^worker ${script} died: .*; another takes its place$`)),
  ]);
});

it('data worker killed while it makes images for kNN → replaced, same digits', async () => {
  watch(once('data-worker.js', 'plain', 1, 'kills'));
  const outcome = await run({ knnEvery: 1 });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome).length).toBe(1);
});

it('every encoder worker killed in the same step → replaced, same digits', async () => {
  const dead = new Set<unknown>();
  watch(({ script, method, count, worker }) => {
    if (script !== 'encoder-worker.js' || method !== 'backward' || count < 3 || dead.size === 2)
      return 'reaches';
    dead.add(worker);
    return 'kills';
  });
  const outcome = await run({ knnEvery: 1 });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome).length).toBe(2);
});

it.each([
  ['encoder', 'encoder-worker.js', 'trainingForward', 5],
  ['data', 'data-worker.js', 'views', 9],
])(
  'three %s workers killed by one task → worker-died, the steps before are saved',
  async (_, script, method, first) => {
    // Of the third step; each group of two.
    const watched = watch((call) =>
      call.script === script && call.method === method && call.count >= first ? 'kills' : 'reaches',
    );
    const out = await temporaryFolder();
    const outcome = await run({ out });
    expect(outcome.error).toMatchObject({
      code: 'worker-died',
      message: expect.stringMatching(/3 workers in turn have died of the same task/),
    });
    expect(numbersOf(outcome)).toEqual(
      numbersOf(whole).filter((event) => event.type === 'step' && event.step < 3),
    );
    // It ends an epoch, and was saved then.
    const saved = outcome.events.findLast(({ type }) => type === 'checkpoint');
    expect(saved).toMatchObject({ step: 2 });
    // What was saved goes on as if nothing had been.
    watched.restore();
    const rest = await run({ resume: await loadCheckpoint(out) });
    const steps = numbersOf(whole).filter(({ type }) => type === 'step');
    expect([...numbersOf(outcome), ...numbersOf(rest)]).toEqual(steps);
  },
);
