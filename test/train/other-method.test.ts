/**
 * Does the trainer know nothing of MoCo? A method with one encoder, which pulls the two views of an image together, and an
 * optimizer that decays matrices alone: both are no more than what the interfaces ask for.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GroupRows, Method, Step } from '../../src/methods/method.ts';
import type { Optimizer } from '../../src/optimizers/optimizer.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import { STREAMS } from '../../src/random.ts';
import { expectSameBits } from '../compare.ts';
import {
  BATCH,
  expectSameState,
  GROUPS,
  input,
  LAYOUT,
  openTiny,
  SPEC,
  type TinyEncoders,
  valuesOf,
} from './tiny.ts';

const { dim } = SPEC;

/** The gradient of Σ u·t is t: `pull` trains the first view towards the second, and the other way round. */
const pull: Method = {
  encoders: [{ name: 'encoder_q', learns: true }],
  state: () => ({
    tensors: [{ name: 'mean', shape: [dim], initial: () => new Float32Array(dim) }],
    counters: [{ name: 'seen', initial: 0 }],
  }),
  async run(step) {
    const first = step.batch('first');
    const second = step.batch('second');
    const encoded = [
      step.forward(
        'encoder_q',
        STREAMS.firstView,
        ({ embedding, positions }) => first.put(embedding, positions),
        {
          statistics: false,
        },
      ),
      step.forward(
        'encoder_q',
        STREAMS.secondView,
        ({ embedding, positions }) => second.put(embedding, positions),
        {
          statistics: false,
          order: step.permutation(0),
        },
      ),
    ];
    const ready = Promise.all(encoded);
    await Promise.all([
      step.train('encoder_q', STREAMS.firstView, ready, (group) => towards(step, group, 'second', true)),
      step.train('encoder_q', STREAMS.secondView, ready, (group) => towards(step, group, 'first', false)),
    ]);
  },
  commit({ state }) {
    state.setCounter('seen', state.counter('seen') + BATCH);
  },
};

function towards(step: Step, { count, positions }: GroupRows, other: string, report: boolean) {
  const target = step.scratch('target', count * dim);
  step.batch(other).take(target, positions);
  if (report) {
    const [loss, rank] = [step.scratch('loss', count), step.scratch('rank', count)];
    step.report({ loss, rank, embedding: target }, positions);
  }
  return target;
}

const decayMatrices: Optimizer = {
  ...sgd,
  slots: ['momentum', 'unused'],
  rule: ({ shape }) => ({ decay: shape.length > 1, adapt: false, rate: shape.length > 1 ? 1 : 0.5 }),
};

let tiny: TinyEncoders;
beforeAll(async () => {
  tiny = await openTiny(2);
});
afterAll(() => tiny.dispose());

const train = async (workers: TinyEncoders) => {
  const trainer = await workers.trainer({ method: pull, optimizer: decayMatrices });
  const before = await trainer.state();
  await (await trainer.step(input(1))).result;
  const gradients = await trainer.gradients();
  const after = await trainer.state();
  await (await trainer.step(input(2))).result;
  return { trainer, before, after, last: await trainer.state(), gradients };
};

it('has the state that its method and its optimizer name, and no other', async () => {
  const { before, last } = await train(tiny);
  const ofEncoder = LAYOUT.parameters.length + 3 * LAYOUT.layers.length;
  expect(before.size).toBe(ofEncoder + 2 * LAYOUT.parameters.length + 3);
  expect([...before.keys()].filter((name) => !/^(encoder_q|momentum|unused)\./.test(name)).sort()).toEqual([
    'mean',
    'seen',
    'updates',
  ]);
  expect([last.get('seen')!.data[0], last.get('updates')!.data[0]]).toEqual([BigInt(2 * BATCH), 2n]);
});

it('decays and slows each parameter by its rule', async () => {
  const { before, after, gradients } = await train(tiny);
  for (const [i, { name, shape }] of LAYOUT.parameters.entries()) {
    const start = valuesOf(before, `encoder_q.${name}`);
    const end = valuesOf(after, `encoder_q.${name}`);
    const [decay, rate] = shape.length > 1 ? [1e-3, 0.1] : [0, 0.05];
    for (const [at, value] of end.entries()) {
      const d = gradients[i]![at]! + decay * start[at]!;
      const rounding = 2 ** -22 * (Math.abs(start[at]!) + Math.abs(d));
      expect(Math.abs(value - (start[at]! - rate * d)), name).toBeLessThanOrEqual(rounding);
    }
  }
});

it('counts the statistics of the passes that count, each by itself and in their order', async () => {
  const { before, after } = await train(tiny);
  // Two passes move each running mean by 0.1 and then by 0.1 of the rest: forward passes without statistics by nothing.
  const single: Method = {
    ...pull,
    async run(step) {
      const keep = step.batch('second');
      const ready = step.forward(
        'encoder_q',
        STREAMS.secondView,
        ({ embedding, positions }) => keep.put(embedding, positions),
        {
          statistics: false,
        },
      );
      await step.train('encoder_q', STREAMS.firstView, ready, (group) =>
        towards(step, group, 'second', true),
      );
    },
  };
  const trainer = await tiny.trainer({ method: single, optimizer: decayMatrices });
  await (await trainer.step(input(1))).result;
  const once = await trainer.state();
  for (const { name } of LAYOUT.layers) {
    const variance = `encoder_q.${name}.running_var`;
    const moved = (state: typeof once) =>
      valuesOf(state, variance).some((x, i) => x !== valuesOf(before, variance)[i]);
    expect(moved(once), name).toBe(true);
    expect(valuesOf(after, variance), name).not.toEqual(valuesOf(once, variance));
  }
});

it('gives the same bits on one worker and on two, with two passes of gradients', async () => {
  const two = await train(tiny);
  const single = await openTiny(1);
  try {
    const one = await train(single);
    for (const [i, values] of one.gradients.entries()) {
      expectSameBits(LAYOUT.parameters[i]!.name, two.gradients[i]!, values);
    }
    expectSameState(two.last, one.last);
  } finally {
    await single.dispose();
  }
});

it('a view that cannot be made ends the step, whichever pass it is of, and leaves the state', async () => {
  const trainer = await tiny.trainer({ method: pull, optimizer: decayMatrices });
  const before = await trainer.state();
  let views = 0;
  for (const failing of [1, GROUPS + 1, 2 * GROUPS + 1, 4 * GROUPS]) {
    views = 0;
    const bad = input(1, () => {
      if (++views === failing) throw new Error(`no view ${failing}`);
    });
    await expect(trainer.step(bad)).rejects.toThrow(`no view ${failing}`);
    expectSameState(await trainer.state(), before);
  }
});
