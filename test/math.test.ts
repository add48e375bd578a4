import { describe, expect, test } from 'vitest';
import { cos, exp, log, MAX_ANGLE, sin, wholePower } from '../src/math.ts';
import { Random, STREAMS } from '../src/random.ts';

const view = new DataView(new ArrayBuffer(8));

/** Distance in units in the last place between two finite numbers of one sign. */
function ulps(a: number, b: number): number {
  view.setFloat64(0, a);
  const x = view.getBigInt64(0);
  view.setFloat64(0, b);
  return Math.abs(Number(x - view.getBigInt64(0)));
}

describe('math', () => {
  const cases: [string, (x: number) => number, (x: number) => number, number, number][] = [
    ['exp', exp, Math.exp, -744, 709],
    ['exp near 0', exp, Math.exp, -1, 1],
    ['log', log, Math.log, 0, 1e6],
    ['log near 1', log, Math.log, 0.7, 1.4],
    ['sin', sin, Math.sin, -7, 7],
    ['cos', cos, Math.cos, -7, 7],
    ['sin far out', sin, Math.sin, -MAX_ANGLE, MAX_ANGLE],
    ['cos far out', cos, Math.cos, -MAX_ANGLE, MAX_ANGLE],
  ];
  test.each(cases)(
    '%s is within 1 ulp of the engine, which is itself within 1',
    (_name, ours, engine, low, high) => {
      const random = new Random({ seed: 1, stream: STREAMS.sampleOrder });
      let worst = 0;
      for (let i = 0; i < 20_000; i++) {
        const x = random.between(low, high);
        worst = Math.max(worst, ulps(ours(x), engine(x)));
      }
      expect(worst).toBeLessThanOrEqual(1);
    },
  );

  test('edges', () => {
    expect(exp(0)).toBe(1);
    expect(exp(710)).toBe(Infinity);
    expect(exp(-746)).toBe(0);
    expect(exp(-745)).toBe(5e-324);
    expect(exp(Number.NaN)).toBeNaN();
    expect(log(1)).toBe(0);
    expect(log(0)).toBe(-Infinity);
    expect(log(-1)).toBeNaN();
    expect(log(Infinity)).toBe(Infinity);
    expect(log(5e-324)).toBeCloseTo(-744.4400719213812, 12);
    expect(cos(0)).toBe(1);
    expect(sin(0)).toBe(0);
    expect(cos(Math.PI)).toBe(-1);
    expect(cos(2 * MAX_ANGLE)).toBeNaN();
    expect(sin(Number.NaN)).toBeNaN();
  });

  test('whole powers are within a rounding for each factor', () => {
    for (const x of [0.9, 0.999, 0.5, 0.99999, 0]) {
      let product = 1;
      for (let n = 0; n <= 2000; n++) {
        const error = Math.abs(wholePower(x, n) - product);
        expect(error, `${x}^${n}`).toBeLessThanOrEqual(2 * n * 2 ** -53 * product);
        product *= x;
      }
    }
    expect([wholePower(0, 0), wholePower(0.5, 30), wholePower(-2, 3)]).toEqual([1, 2 ** -30, -8]);
    // The largest count of steps: all bits of it are used.
    expect(wholePower(1, 2 ** 31 - 1)).toBe(1);
    expect(wholePower(0.999, 2 ** 31 - 1)).toBe(0);
  });
});
