import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { STREAMS } from '../../src/random.ts';
import type { GroupEncoders } from '../../src/scheduler/group-encoders.ts';
import type { SavedState } from '../../src/train/state.ts';
import type { StepResult, Trainer } from '../../src/train/trainer.ts';
import { expectSameBits } from '../compare.ts';
import {
  BATCH,
  expectSameState,
  GROUPS,
  input,
  LAYOUT,
  openTiny,
  QUEUE,
  SPEC,
  type TinyEncoders,
  valuesOf,
} from './tiny.ts';

interface Steps {
  readonly results: readonly StepResult[];
  readonly states: readonly SavedState[];
  readonly embeddings: readonly { queries: Float32Array; keys: Float32Array }[];
}

async function steps(trainer: Trainer, first: number, last: number): Promise<Steps> {
  const results: StepResult[] = [];
  const states: SavedState[] = [];
  const embeddings: { queries: Float32Array; keys: Float32Array }[] = [];
  for (let step = first; step <= last; step++) {
    results.push(await (await trainer.step(input(step))).result);
    states.push(await trainer.state());
    embeddings.push({ queries: (await trainer.reported()).embedding, keys: await trainer.rows('keys') });
  }
  return { results, states, embeddings };
}

/** Encoders on two workers, kernels on two threads, and four steps of a trainer on them that nothing disturbed. */
let tiny: TinyEncoders;
let clean: Steps;
beforeAll(async () => {
  tiny = await openTiny(2, { kernels: await createWasmKernels({ threads: 2, sharedFrom: 1 }) });
  clean = await steps(await tiny.trainer(), 1, 4);
});
afterAll(() => tiny.dispose());

describe('Trainer', () => {
  it('gives the same digits on one worker and on two, kernels on one thread and on two', async () => {
    const single = await openTiny(1);
    try {
      const one = await steps(await single.trainer(), 1, 3);
      const losses = one.results.map(({ loss }) => loss);
      console.log(`losses of three steps, four groups: ${losses.join(', ')}`);
      expect(clean.results.slice(0, 3).map(({ loss }) => loss)).toEqual(losses);
      expect(new Set(losses).size).toBe(3);
      for (const [i, state] of one.states.entries()) {
        expectSameState(clean.states[i]!, state);
        for (const name of ['queries', 'keys'] as const) {
          expectSameBits(`${name} of step ${i + 1}`, clean.embeddings[i]![name], one.embeddings[i]![name]);
        }
      }
    } finally {
      await single.dispose();
    }
  });

  it('trains what it should: every weight of the query, the key by momentum alone, the queue in its place', async () => {
    const trainer = await tiny.trainer();
    const before = await trainer.state();
    const [after, last] = clean.states as [SavedState, SavedState];
    for (const { name } of LAYOUT.parameters) {
      const query = valuesOf(after, `encoder_q.${name}`);
      const key = valuesOf(after, `encoder_k.${name}`);
      expect(query, name).not.toEqual(valuesOf(before, `encoder_q.${name}`));
      // Both encoders begin alike, so m·k + (1 − m)·q changes nothing in the first step but a rounding or two.
      const start = valuesOf(before, `encoder_k.${name}`);
      key.forEach((value, at) => {
        expect(Math.abs(value - start[at]!), name).toBeLessThanOrEqual(2 ** -23 * Math.abs(start[at]!));
      });
      valuesOf(last, `encoder_k.${name}`).forEach((value, at) => {
        const bound = 2 ** -22 * (Math.abs(key[at]!) + Math.abs(query[at]!));
        expect(Math.abs(value - (0.9 * key[at]! + 0.1 * query[at]!)), name).toBeLessThanOrEqual(bound);
      });
    }
    // Twelve rows: step 1 writes 0 … 7, step 2 writes 8 … 11 and 0 … 3.
    const { dim } = SPEC;
    const rows = (values: Float32Array, from: number, to: number) => values.subarray(from * dim, to * dim);
    const [start, one, two] = [before, after, last].map((state) => valuesOf(state, 'queue'));
    const [first, second] = clean.embeddings.map(({ keys }) => keys);
    expectSameBits('queue after step 1', rows(one!, 0, BATCH), first!);
    expectSameBits('rest of the queue', rows(one!, BATCH, QUEUE), rows(start!, BATCH, QUEUE));
    expectSameBits('queue, up to its end', rows(two!, 8, 12), rows(second!, 0, 4));
    expectSameBits('queue, from its start', rows(two!, 0, 4), rows(second!, 4, 8));
    expectSameBits('queue, what stays', rows(two!, 4, 8), rows(first!, 4, 8));
    const pointers = [after, last].map((state) => Number(state.get('queue_ptr')!.data[0]));
    expect(pointers).toEqual([8, 4]);
  });

  it('sums the gradients of the groups in their order, whichever is done first', async () => {
    const { kernels } = tiny;
    const sizes = LAYOUT.parameters.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
    const ofGroups: Promise<Float32Array[]>[] = [];
    const observe = (encoders: GroupEncoders): GroupEncoders => {
      const train: typeof encoders.train = (...group) => {
        const result = encoders.train(...group);
        const copied = result.then(async ({ gradients }) => {
          const arrays = sizes.map((size) => kernels.allocate(size));
          gradients!.copyTo(arrays);
          const values = await Promise.all(arrays.map((array) => kernels.read(array)));
          for (const array of arrays) kernels.free(array);
          return values;
        });
        // The first group comes last.
        const late = ofGroups.push(copied) === 1;
        return late
          ? result.then((value) => new Promise((resolve) => setTimeout(resolve, 200, value)))
          : result;
      };
      return {
        parallel: encoders.parallel,
        plan: encoders.plan,
        attachWeights: (encoder, weights) => encoders.attachWeights(encoder, weights),
        weightsChanged: (encoder) => encoders.weightsChanged(encoder),
        forward: (encoder, images, done) => encoders.forward(encoder, images, done),
        train,
        setInferenceWeights: (values) => encoders.setInferenceWeights(values),
        embed: (images) => encoders.embed(images),
        dispose: () => encoders.dispose(),
      };
    };
    const trainer = await tiny.trainer({ observe });
    await (await trainer.step(input(1))).result;
    const groups = await Promise.all(ofGroups);
    expect(groups.length).toBe(GROUPS);
    for (const [i, sum] of (await trainer.gradients()).entries()) {
      const expected = groups
        .map((gradients) => gradients[i]!)
        .reduce((a, b) => a.map((x, at) => x + b[at]!));
      expectSameBits(LAYOUT.parameters[i]!.name, sum, expected);
    }
  });

  it('goes on bit for bit from its tensors', async () => {
    const saved = clean.states[1]!;
    const trainer = await tiny.trainer({ saved });
    expectSameState(await trainer.state(), saved);
    const rest = await steps(trainer, 3, 4);
    expect(rest.results.map(({ loss }) => loss)).toEqual(clean.results.slice(2).map(({ loss }) => loss));
    expectSameState(rest.states[1]!, clean.states[3]!);
  });

  it.each(['firstView', 'secondView'] as const)(
    'one NaN among the %s images: the step is not taken',
    async (bad) => {
      const trainer = await tiny.trainer();
      await steps(trainer, 1, 1);
      const spoiled = input(2, (images, stream, positions) => {
        if (stream === STREAMS[bad] && positions.includes(3)) images[7] = Number.NaN;
      });
      const failure = {
        code: 'loss-not-finite',
        message: expect.stringContaining('step 2: loss, gradients or statistics are not finite'),
      };
      const { result } = await trainer.step(spoiled);
      // Begun before anybody has looked at step 2, as on a GPU.
      const next = trainer.step(input(3));
      await expect(result).rejects.toMatchObject(failure);
      await expect(next).rejects.toMatchObject(failure);
      expectSameState(await trainer.state(), clean.states[0]!);
      await expect(trainer.step(input(3))).rejects.toMatchObject(failure);
      // Nothing of the bad step is left: the same step on good images is what it would have been.
      const again = await steps(await tiny.trainer({ saved: await trainer.state() }), 2, 2);
      expect(again.results[0]!.loss).toBe(clean.results[1]!.loss);
      expectSameState(again.states[0]!, clean.states[1]!);
    },
  );

  it('images that cannot be made end the step, and the trainer can go on', async () => {
    const trainer = await tiny.trainer();
    const before = await trainer.state();
    for (const bad of ['secondView', 'firstView'] as const) {
      const failing = input(1, (_, stream) => {
        if (stream === STREAMS[bad]) throw new Error(`no ${bad} images`);
      });
      await expect(trainer.step(failing)).rejects.toThrow(`no ${bad} images`);
      expectSameState(await trainer.state(), before);
    }
    const { states, results } = await steps(trainer, 1, 1);
    expect(results[0]!.loss).toBe(clean.results[0]!.loss);
    expectSameState(states[0]!, clean.states[0]!);
  });
});
