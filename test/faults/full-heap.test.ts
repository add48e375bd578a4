/** Encoder workers whose WebAssembly heap is too small for a group: real allocations of onnxruntime-web fail. */
import { expect, it, onTestFinished } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDrawn } from '../../src/data/dataset.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { configure, noticesOf, numbersOf, run } from './run.ts';
import { watchWorkers } from './workers.ts';

const PRELOAD = new URL('small-heap.mjs', import.meta.url).href;
const data = await describeDrawn(128, 5, 32, 3);
const small = { width: 8, imageSize: 32, batchSize: 128, groups: 2, queueSize: 128, steps: 2 };
const config = configure(small, data.trainLength);

function limitHeaps(mebibytes: number): void {
  const { restore } = watchWorkers(() => 'reaches', {
    env: { ...process.env, MOCO_TEST_HEAP_MIB: String(mebibytes) },
    execArgv: ['--import', PRELOAD],
  });
  onTestFinished(restore);
}

it('encoder heap too small for a group → fresh workers compute more again, same digits', async () => {
  const whole = await run({ config, data });
  // In the kernels' memory, where activations are; that of onnxruntime-web has what is left.
  limitHeaps(44);
  const outcome = await run({ config, data });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome)).toEqual([
    expect.stringMatching(/memory of an encoder is full .*recompute least → cheap, slower, with the same/),
    expect.stringMatching(/recompute cheap → segments/),
  ]);
});

it('encoder heap too small for any level → out-of-memory with groups that fit, saved first', async () => {
  const first = await temporaryFolder();
  await run({ config: { ...config, steps: 1 }, data, out: first });
  const out = await temporaryFolder();
  limitHeaps(18);
  const outcome = await run({ config, data, out, resume: await loadCheckpoint(first) });
  expect(outcome.error).toMatchObject({
    code: 'out-of-memory',
    message: expect.stringMatching(
      /recompute segments\); groups 2 do not fit: groups 4 would take about half/,
    ),
  });
  expect(outcome.events.at(-1)).toMatchObject({ type: 'checkpoint', step: 1 });
  expect((await loadCheckpoint(out)).state.step).toBe(1);
});
