/**
 * The trainer on WebGPU, two of its four groups in one run. Its tests share one set of sessions, and the compilation of their
 * shaders.
 */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { STREAMS } from '../../src/random.ts';
import { requestDevice } from '../../src/runtime/gpu.ts';
import type { SavedState } from '../../src/train/state.ts';
import type { StepResult, Trainer } from '../../src/train/trainer.ts';
import { expectClose } from '../compare.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { BATCH, expectSameState, GROUPS, input, openTiny, SIZE, type TinyEncoders } from '../train/tiny.ts';
import { Traffic } from './traffic.ts';

interface Steps {
  readonly results: readonly StepResult[];
  readonly states: readonly SavedState[];
}

async function steps(trainer: Trainer, first: number, last: number): Promise<Steps> {
  const results: StepResult[] = [];
  const states: SavedState[] = [];
  for (let step = first; step <= last; step++) {
    results.push(await (await trainer.step(input(step))).result);
    states.push(await trainer.state());
  }
  return { results, states };
}

const lossesOf = ({ results }: Steps) => results.map(({ loss }) => loss);

/**
 * How far two orders of summation may lead apart in one step: ten layers, each with sums of at most 36 terms, each term
 * off by 2⁻²⁴ of what is added up. The same for the backward pass, and for each further step.
 */
const FORWARD = 10 * 36 * 2 ** -24;
/** A unit embedding moves each of two logits by 1/τ of what it is off by. */
const lossTolerance = (steps: number) => (2 / 0.2) * (2 * steps - 1) * FORWARD;

onWebGpu((_, { name }) => {
  // Of its own: onnxruntime gives the buffers of a device back with the last session on it, whichever file that is of.
  let device: GPUDevice;
  let traffic: Traffic;
  let kernels: WebGpuKernels;
  let tiny: TinyEncoders;
  /** Four steps that nothing disturbed, here and on wasm. */
  let clean: Steps;
  let wasm: Steps;
  beforeAll(async () => {
    device = (await requestDevice()).device;
    traffic = new Traffic(device);
    kernels = await createWebGpuKernels(device);
    tiny = await openTiny(1, { kernels, groupsAtOnce: 2 });
    clean = await steps(await tiny.trainer(), 1, 4);
    const reference = await openTiny(1);
    wasm = await steps(await reference.trainer(), 1, 4);
    await reference.dispose();
  });
  afterAll(() => device.destroy());

  it('trains as on wasm, one group at a time, within rounding', () => {
    expect([tiny.encoders.plan.groupsAtOnce, clean.states.length]).toEqual([2, 4]);
    console.log(`losses here ${lossesOf(clean).join(', ')}; on wasm ${lossesOf(wasm).join(', ')}`);
    for (const [i, { loss, ...rest }] of clean.results.entries()) {
      const { loss: expected, ...others } = wasm.results[i]!;
      expectClose(`loss of step ${i + 1}`, [loss], [expected], lossTolerance(i + 1));
      // Ranks of these images do not hang on a rounding.
      expect(rest).toEqual({ ...others, embeddingStd: expect.closeTo(others.embeddingStd, 4) });
      for (const [name, { data }] of clean.states[i]!) {
        const want = wasm.states[i]!.get(name)!.data;
        if (!(data instanceof Float32Array && want instanceof Float32Array)) {
          expect(data, name).toEqual(want);
          continue;
        }
        const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        expectClose(`${name} after step ${i + 1}`, data, want, 2 * (i + 1) * FORWARD * largest);
      }
    }
  });

  it('gives the same bits again', async () => {
    const again = await steps(await tiny.trainer(), 1, 3);
    expect(again.results).toEqual(clean.results.slice(0, 3));
    for (const [i, state] of again.states.entries()) expectSameState(state, clean.states[i]!);
  });

  it('gives the same bits on another device of the adapter, with kernels and sessions of its own', async () => {
    const other = await requestDevice();
    expect(other.name).toBe(name);
    const { live } = new Traffic(other.device);
    const fresh = await openTiny(1, {
      kernels: await createWebGpuKernels(other.device),
      groupsAtOnce: 2,
    });
    const again = await steps(await fresh.trainer(), 1, 2);
    await fresh.dispose();
    expect(again.results).toEqual(clean.results.slice(0, 2));
    for (const [i, state] of again.states.entries()) expectSameState(state, clean.states[i]!);
    // Of sessions that have run on a device of their own, too, onnxruntime keeps nothing.
    expect({ ours: live.ours.size, onnxruntime: live.onnxruntime.size }).toEqual({ ours: 0, onnxruntime: 0 });
    other.device.destroy();
  });

  it('goes on bit for bit from its tensors', async () => {
    const rest = await steps(await tiny.trainer({ saved: clean.states[1]! }), 3, 4);
    expect(rest.results).toEqual(clean.results.slice(2));
    expectSameState(rest.states[1]!, clean.states[3]!);
  });

  it('goes on from the tensors of the other backend', async () => {
    const rest = await steps(await tiny.trainer({ saved: wasm.states[1]! }), 3, 4);
    const [third, fourth] = lossesOf(wasm).slice(2);
    expectClose('loss of step 3', [rest.results[0]!.loss], [third!], lossTolerance(1));
    expectClose('loss of step 4', [rest.results[1]!.loss], [fourth!], lossTolerance(2));
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
      // Issued before anybody knows of step 2; nothing but the gate on the device keeps it from being taken.
      const next = trainer.step(input(3)).then((issued) => issued.result);
      await expect(result).rejects.toMatchObject(failure);
      await expect(next).rejects.toMatchObject(failure);
      expectSameState(await trainer.state(), clean.states[0]!);
      await expect(trainer.step(input(3))).rejects.toMatchObject(failure);
      const again = await steps(await tiny.trainer({ saved: await trainer.state() }), 2, 2);
      expect(again.results[0]).toEqual(clean.results[1]);
      expectSameState(again.states[0]!, clean.states[1]!);
    },
  );

  it('a step that is whole before anybody has looked at the bad one before it changes nothing either', async () => {
    const trainer = await tiny.trainer();
    await steps(trainer, 1, 1);
    const failure = { code: 'loss-not-finite', message: expect.stringContaining('step 2: ') };
    const release = traffic.holdReads();
    const issued = await trainer.step(input(2, (images) => images.fill(Number.POSITIVE_INFINITY)));
    const results = [issued, await trainer.step(input(3)), await trainer.step(input(4))];
    release();
    for (const { result } of results) await expect(result).rejects.toMatchObject(failure);
    expectSameState(await trainer.state(), clean.states[0]!);
  });

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
    const { states, results } = await steps(trainer, 1, 2);
    expect(results).toEqual(clean.results.slice(0, 2));
    expectSameState(states[1]!, clean.states[1]!);
  });

  it('a step makes no buffer, and copies 20 bytes from the GPU, and to it the images and small parameters alone', async () => {
    const trainer = await tiny.trainer();
    await steps(trainer, 1, 2);
    const runs = GROUPS / tiny.encoders.plan.groupsAtOnce;
    const ofRun = (4 * 3 * SIZE ** 2 * BATCH) / runs;
    for (let step = 3; step <= 5; step++) {
      traffic.reset();
      await (await trainer.step(input(step))).result;
      expect(traffic.reads.map(({ bytes }) => bytes)).toEqual([20]);
      expect(traffic.stagedBytes).toBe(20);
      // Gradients of weights are added up where they are computed.
      expect(traffic.made).toBe(0);
      // Both views of all images, once; the uniforms of a submit may happen to be of the same length.
      let images = 0;
      const others = traffic.writes.filter((bytes) => bytes !== ofRun || ++images > 2 * runs);
      expect(images).toBeGreaterThanOrEqual(2 * runs);
      // Uniforms of a dispatch: at most 256 bytes, ours of a submit (at most 256) in one write. Lists of rows to move
      // are shorter.
      const sum = others.reduce((total, bytes) => total + bytes, 0);
      expect(Math.max(...others)).toBeLessThanOrEqual(256 * 256);
      expect(sum).toBeLessThanOrEqual(256 * traffic.dispatches);
      console.log(
        `step ${step}: ${traffic.dispatches} dispatches; images ${2 * runs * ofRun} bytes, ` +
          `${others.length} other writes of at most ${Math.max(...others)} bytes, ${sum} in all`,
      );
    }
  });

  it('leaves nothing behind in further steps, nor in the end', async () => {
    const trainer = await tiny.trainer();
    await steps(trainer, 1, 2);
    const count = () => ({
      arrays: kernels.liveArrays,
      bytes: kernels.heapBytes,
      ours: traffic.live.ours.size,
      onnxruntime: traffic.live.onnxruntime.size,
    });
    const before = count();
    // As in training: a step is waited for when the next one has been issued.
    let previous: Promise<unknown> = Promise.resolve();
    for (let step = 3; step <= 22; step++) {
      const { result } = await trainer.step(input(step));
      await previous;
      previous = result;
    }
    await previous;
    expect(count()).toEqual(before);
    await tiny.dispose();
    console.log(`live before the end ${JSON.stringify(before)}`);
    // onnxruntime gives its buffers back with the last session on a device.
    expect(count()).toEqual({ arrays: 0, bytes: 0, ours: 0, onnxruntime: 0 });
  });
});
