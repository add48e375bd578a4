import { describe, expect, it } from 'vitest';
import type { NamedTensor } from '../../src/formats/safetensors.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { TrainState } from '../../src/train/state.ts';

const kernels = await createWasmKernels();
const SPEC = {
  tensors: [
    { name: 'q.w', shape: [2, 2], initial: () => Float32Array.of(1, 2, 3, 4) },
    { name: 'k.w', shape: [2, 2], initial: 'q.w' },
  ],
  counters: [
    { name: 'pointer', initial: 3, below: 8 },
    { name: 'updates', initial: 0 },
  ],
};
const f32 = (shape: number[], ...values: number[]): NamedTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});
const i64 = (value: number): NamedTensor => ({
  dtype: 'I64',
  shape: [1],
  data: BigInt64Array.of(BigInt(value)),
});
const SAVED = new Map([
  ['q.w', f32([2, 2], 5, 6, 7, 8)],
  ['k.w', f32([2, 2], 9, 10, 11, 12)],
  ['pointer', i64(7)],
  ['updates', i64(40)],
]);

describe('TrainState', () => {
  it('begins with the initial values, one tensor as a copy of another', async () => {
    const state = new TrainState(kernels, SPEC, null);
    expect(Object.fromEntries(await state.read())).toEqual({
      'q.w': f32([2, 2], 1, 2, 3, 4),
      'k.w': f32([2, 2], 1, 2, 3, 4),
      pointer: i64(3),
      updates: i64(0),
    });
    kernels.write(state.tensor('q.w'), Float32Array.of(0), 1);
    expect((await state.read()).get('k.w')).toEqual(f32([2, 2], 1, 2, 3, 4));
    state.dispose();
  });

  it('goes on from what was read', async () => {
    const state = new TrainState(kernels, SPEC, SAVED);
    expect(await state.read()).toEqual(SAVED);
    state.dispose();
  });

  it.each<[string, NamedTensor | null, RegExp]>([
    ['k.w', null, /tensor k\.w should be F32 \[2,2\], the checkpoint has nothing/],
    ['q.w', f32([4], 1, 2, 3, 4), /tensor q\.w should be F32 \[2,2\], the checkpoint has F32 \[4\]/],
    ['q.w', i64(1), /the checkpoint has I64 \[1\]/],
    ['updates', f32([1], 1), /tensor updates should be I64 \[1\], the checkpoint has F32 \[1\]/],
    ['pointer', i64(8), /pointer is 8: it should be 0 or more and below 8/],
    ['updates', i64(-1), /updates is -1/],
  ])('refuses a checkpoint whose %s does not fit', (name, tensor, message) => {
    const saved = new Map(SAVED);
    if (tensor) saved.set(name, tensor);
    else saved.delete(name);
    const open = () => new TrainState(kernels, SPEC, saved);
    expect(open).toThrow(message);
    expect(open).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
  });

  it('undoes a step: what was kept, and all counters; nothing is kept once the gate is closed', async () => {
    const state = new TrainState(kernels, SPEC, SAVED, ['k.w']);
    const gate = kernels.allocate(1);
    kernels.write(gate, Float32Array.of(1));
    const undo = state.keep(gate);
    const spoil = () => {
      kernels.write(state.tensor('k.w'), Float32Array.of(0, 0, 0, 0));
      state.setCounter('pointer', 1);
    };
    spoil();
    // The step after one that has gone bad keeps nothing: what was before the bad one is still there.
    kernels.write(gate, Float32Array.of(0));
    state.keep(gate);
    undo();
    expect(await state.read()).toEqual(SAVED);
    kernels.free(gate);
    state.dispose();
  });

  it('knows no other names', () => {
    const state = new TrainState(kernels, SPEC, null);
    expect(() => state.tensor('queue')).toThrow(/nothing that is called queue/);
    expect(() => state.setCounter('steps', 1)).toThrow(/nothing that is called steps/);
    state.dispose();
  });
});
