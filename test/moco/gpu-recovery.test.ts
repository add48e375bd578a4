import { expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { GpuRecovery } from '../../src/moco/gpu-recovery.ts';

it('gives up at the fourth device that is lost without a step, and at once for other errors', () => {
  const recovery = new GpuRecovery(7);
  const loss = new MocoError('device-lost', 'gone');
  for (let time = 0; time < 3; time++) {
    expect(recovery.afterLoss(loss).message).toMatch(/lost after step 7; going on with another from step 7/);
  }
  expect(() => recovery.afterLoss(loss)).toThrow(/gone; 4 devices in turn were lost before a step was done/);
  const other = new MocoError('gpu-failed', 'no');
  expect(() => new GpuRecovery(0).afterLoss(other)).toThrow(other);
});
