import { expect, it } from 'vitest';
import { formatState, openState, readState } from '../../src/checkpoint/state.ts';
import { groupsAtOnceOf } from '../../src/train/resumed-backend.ts';
import { exampleState } from '../checkpoint/example.ts';

it('a resumed run takes as many groups at once as the saved one, on the GPU that has begun it', () => {
  const before = exampleState(5);
  const saved = (more: object) => ({ state: { ...before, ...more } });
  expect(groupsAtOnceOf(undefined, 'webgpu', saved({ backend: 'webgpu', groupsAtOnce: 2 }))).toBe(2);
  // Of before there were several.
  expect(groupsAtOnceOf(undefined, 'webgpu', saved({ backend: 'webgpu' }))).toBe(1);
  // What nothing depends on yet is chosen anew: as many as fit.
  expect(groupsAtOnceOf(undefined, 'webgpu', null)).toBeNull();
  expect(groupsAtOnceOf(undefined, 'webgpu', saved({ backend: 'wasm' }))).toBeNull();
  expect(groupsAtOnceOf(undefined, 'wasm', saved({ backend: 'webgpu', groupsAtOnce: 2 }))).toBeNull();
  expect(groupsAtOnceOf(1, 'webgpu', saved({ backend: 'webgpu', groupsAtOnce: 2 }))).toBe(1);
});

it('state.json says how many, and by which tiles', async () => {
  const tiles = { '64x56x56 64 3x3 1,1 1,1,1,1 1,1 1': '16x128' } as const;
  const state = { ...exampleState(5), backend: 'webgpu', groupsAtOnce: 2, tiles } as const;
  const { content, digests } = await openState(await formatState(state, {}, { tensors: '0'.repeat(64) }));
  expect(readState(content, digests)).toEqual(state);
  expect(() => readState({ ...content, groupsAtOnce: 0 }, digests)).toThrow(/state.json: groupsAtOnce/);
  expect(() => readState({ ...content, tiles: { shape: '1x1' } }, digests)).toThrow(/state.json: tiles/);
  const many = Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`shape ${i}`, '64x32']));
  expect(() => readState({ ...content, tiles: many }, digests)).toThrow(/state.json: tiles.*more than 4096/);
});
