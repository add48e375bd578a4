import { expect, it } from 'vitest';
import { MocoError, messageOf } from '../../src/errors.ts';
import { GpuRecovery } from '../../src/train/gpu-recovery.ts';
import { withAdvice } from '../../src/train/recovery.ts';
import { SETTINGS, SPEC } from './tiny.ts';

it('gives up at the fourth device that is lost without a step, and at once for other errors', () => {
  const recovery = new GpuRecovery(7);
  const loss = new MocoError('device-lost', 'gone');
  for (let time = 0; time < 3; time++) {
    expect(recovery.afterFailure(loss, 'least')?.message).toMatch(
      /lost after step 7; going on with another device from step 7/,
    );
  }
  expect(() => recovery.afterFailure(loss, 'least')).toThrow(
    /gone; 4 devices in turn were lost before a step was done/,
  );
  const other = new MocoError('gpu-failed', 'no');
  expect(new GpuRecovery(0).afterFailure(other, 'least')).toBeNull();
});

it('computes more again each time that the memory is full, and gives up after the last level', () => {
  const recovery = new GpuRecovery(0);
  const full = new MocoError('out-of-memory', 'full');
  expect(recovery.position.recompute).toBeNull();
  expect(recovery.afterFailure(full, 'least')?.message).toMatch(
    /from step 0.*recompute least → cheap, slower/,
  );
  expect(recovery.position.recompute).toBe('cheap');
  // A copy of the state changes nothing about it, nor does a loss.
  recovery.keep(5, new Map());
  recovery.afterFailure(new MocoError('device-lost', 'gone'), 'least');
  expect(recovery.position).toMatchObject({ step: 5, recompute: 'cheap' });
  expect(recovery.afterFailure(full, 'least')?.message).toMatch(/from step 5.*recompute cheap → segments/);
  expect(recovery.afterFailure(full, 'least')).toBeNull();
});

it('takes fewer groups at once where the memory is full, unless the number is settled or something is learned', () => {
  const full = new MocoError('out-of-memory', 'full');
  const free = new GpuRecovery(0);
  free.keepGroupsAtOnce(4);
  expect(free.afterFailure(full, 'least')?.message).toMatch(/from step 0.*groups at once 4 → 2, slower/);
  expect(free.position).toMatchObject({ groupsAtOnce: 2, recompute: null });
  free.keep(5, new Map());
  expect(free.afterFailure(full, 'least')?.message).toMatch(/recompute least → cheap/);
  expect(free.position).toMatchObject({ groupsAtOnce: 2, recompute: 'cheap' });

  const asked = new GpuRecovery(0, 4);
  asked.keepGroupsAtOnce(4);
  expect(asked.afterFailure(full, 'least')?.message).toMatch(/recompute least → cheap/);
  expect(asked.position.groupsAtOnce).toBe(4);
});

it('says what would fit: fewer groups at once, or else smaller groups', () => {
  const full = new MocoError('out-of-memory', 'full');
  const adviceAt = (groupsAtOnce: number) =>
    messageOf(withAdvice(full, SPEC, { ...SETTINGS, batchSize: 16 }, 'webgpu', groupsAtOnce));
  expect(adviceAt(4)).toBe(
    'full; 4 groups at once do not fit: groupsAtOnce 2 takes less, and changes the last digits alone',
  );
  expect(adviceAt(1)).toMatch(/^full; groups 4 do not fit: groups 8 would take about half/);
});
