/** MoCo with other settings than the paper's. What PyTorch makes of the symmetric loss is among the golden cases. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { permutationsOf } from '../../src/train/permutations.ts';
import { expectSameBits } from '../compare.ts';
import { BATCH, input, openTiny, type TinyEncoders } from './tiny.ts';

let tiny: TinyEncoders;
beforeAll(async () => {
  tiny = await openTiny(2);
});
afterAll(() => tiny.dispose());

/** The permutations that a step asked for, and what came of it. */
const step = async (settings: Parameters<TinyEncoders['trainer']>[0]) => {
  const trainer = await tiny.trainer(settings);
  const asked: number[] = [];
  const permutation = (number: number) => {
    asked.push(number);
    return permutationsOf({ seed: 5, batchSize: BATCH }, 1)(number);
  };
  const { loss } = await (await trainer.step({ ...input(1), permutation })).result;
  return { trainer, asked, loss, state: await trainer.state() };
};

it('encodes keys in the groups of their queries without ShuffleBN', async () => {
  const [on, off] = [await step({}), await step({ settings: { shuffle: false } })];
  expect(on.asked).toEqual([0]);
  expect(off.asked).toEqual([]);
  // Statistics over other images are other keys.
  expect(off.loss).not.toBe(on.loss);
});

it('shuffles the keys of each direction of the symmetric loss by themselves, and enqueues both', async () => {
  const { asked, state } = await step({ settings: { symmetric: true, queueSize: 4 * BATCH } });
  expect(asked).toEqual([0, 1]);
  expect(Number(state.get('queue_ptr')!.data[0])).toBe(2 * BATCH);
});

it('has the first direction of the symmetric loss as the loss that is not symmetric', async () => {
  const [one, both] = [await step({}), await step({ settings: { symmetric: true, queueSize: 4 * BATCH } })];
  const queries = (await one.trainer.reported()).embedding;
  expectSameBits('queries', (await both.trainer.reported()).embedding.subarray(0, queries.length), queries);
});

it('leaves no trace of the key encoder before with m = 0: it is the query encoder of the step before', async () => {
  const { trainer, state } = await step({ settings: { momentum: 0 } });
  await (await trainer.step(input(2))).result;
  const after = await trainer.state();
  const weights = [...state.keys()].filter((name) => /^encoder_q\..*(weight|bias)$/.test(name));
  expect(weights.length).toBeGreaterThan(10);
  for (const name of weights) {
    const key = name.replace('encoder_q', 'encoder_k');
    expectSameBits(name, after.get(key)!.data as Float32Array, state.get(name)!.data as Float32Array);
  }
});
