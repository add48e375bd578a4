/** Kernels whose memory is large enough for training, and too small for the kNN monitor. */
import { expect, it, vi } from 'vitest';
import { describeDrawn } from '../../src/data/dataset.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { configure, noticesOf, numbersOf, run } from './run.ts';

const memory = vi.hoisted(() => ({ maximumBytes: 2 ** 30 }));
vi.mock('../../src/kernels/open.ts', () => ({ openKernels: () => createWasmKernels(memory) }));

it('kernel memory too small for kNN → a notice, nothing else changes, saved before', async () => {
  const data = await describeDrawn(1200, 1200, 8, 3);
  const config = configure({ steps: 2 }, data.trainLength);
  const whole = await run({ config, data });
  memory.maximumBytes = 1.25 * 2 ** 20;
  const outcome = await run({ config, data, out: await temporaryFolder(), knnEvery: 1 });
  expect(outcome.error).toBeNull();
  expect(numbersOf(outcome)).toEqual(numbersOf(whole));
  expect(noticesOf(outcome)).toEqual([
    expect.stringMatching(/^no kNN after 0 epochs: there is no memory left for .*; training goes on$/),
    expect.stringMatching(/^no kNN after 1 epochs: there is no memory left for /),
  ]);
  // The checkpoint of the last step does not wait for its kNN.
  expect(outcome.events.map(({ type }) => type).slice(-4)).toEqual([
    'checkpoint',
    'measuring',
    'notice',
    'end',
  ]);
});
