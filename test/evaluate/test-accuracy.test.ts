import { expect, it } from 'vitest';
import { accuracyOf } from '../../src/evaluate/test-accuracy.ts';

it('counts images whose class is the first guess, or among the first five', () => {
  const logits = Float32Array.from([
    ...[9, 1, 2, 3, 4, 5, 6], // 0 is first
    ...[9, 1, 2, 3, 4, 5, 6], // 1 is last
    ...[9, 1, 2, 3, 4, 5, 6], // 3 is fifth
    ...[2, 2, 1, 1, 1, 1, 1], // 1 ties with 0
  ]);
  expect(accuracyOf(logits, Int32Array.of(0, 1, 3, 1))).toEqual({ top1: 50, top5: 75 });
});
