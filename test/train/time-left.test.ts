import { expect, it } from 'vitest';
import { TimeLeft } from '../../src/train/time-left.ts';

it('leaves the first step out once there is another, and follows the last twenty', () => {
  const timeLeft = new TimeLeft();
  expect(timeLeft.of(3)).toBeNaN();
  timeLeft.add(60);
  expect(timeLeft.of(3)).toBe(180);
  timeLeft.add(2);
  expect(timeLeft.of(3)).toBe(6);
  timeLeft.add(4);
  expect(timeLeft.of(3)).toBe(9);
  for (let i = 0; i < 19; i++) timeLeft.add(4);
  expect(timeLeft.of(1)).toBe(4);
  timeLeft.add(24);
  expect(timeLeft.of(1)).toBe(5);
  expect(timeLeft.of(0)).toBe(0);
});
