import { describe, expect, test } from 'vitest';
import { philox4x32, Random, STREAMS } from '../src/random.ts';

describe('Philox4x32-10', () => {
  // Known answers published with the paper's Random123 library.
  const known: [number[], number[], string][] = [
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ];
  test.each(known)('known answer for counter %j key %j', (c, k, answer) => {
    const words = new Uint32Array(4);
    philox4x32(words, c[0]!, c[1]!, c[2]!, c[3]!, k[0]!, k[1]!);
    expect([...words].map((word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(answer);
  });
});

describe('Random', () => {
  const make = (seed = 7, image = 0) => new Random({ seed, image, epoch: 3, stream: STREAMS.firstView });

  test('the same key gives the same numbers, another key others', () => {
    const draw = (random: Random) => Array.from({ length: 9 }, () => random.bits());
    expect(draw(make())).toEqual(draw(make()));
    expect(draw(make())).not.toEqual(draw(make(8)));
    expect(draw(make())).not.toEqual(draw(make(7, 1)));
    expect(draw(make(7))).not.toEqual(draw(make(7 + 2 ** 32)));
  });

  test('uniform has the moments of the uniform distribution', () => {
    const random = make();
    const n = 100_000;
    let sum = 0;
    let squares = 0;
    let inside = true;
    for (let i = 0; i < n; i++) {
      const x = random.uniform();
      inside &&= x >= 0 && x < 1;
      sum += x;
      squares += x * x;
    }
    expect(inside).toBe(true);
    expect(Math.abs(sum / n - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(squares / n - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / n));
  });

  test('normal has mean 0, variance 1, kurtosis 3', () => {
    const random = make();
    const n = 100_000;
    const moments = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = random.normal();
      for (let p = 0; p < 4; p++) moments[p]! += x ** (p + 1) / n;
    }
    expect(Math.abs(moments[0]!)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moments[1]! - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moments[3]! - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  test('integer covers 0 … n−1 evenly (chi-square)', () => {
    const random = make();
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 50_000; i++) counts[random.integer(10)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 5000) ** 2 / 5000, 0);
    expect(chiSquare).toBeLessThan(35); // 9 degrees of freedom: p < 1e-4
  });

  test('permutation holds every number once', () => {
    const order = make().permutation(1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(order[0] === 0 && order[1] === 1 && order[2] === 2).toBe(false);
    expect(make().permutation(0).length).toBe(0);
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses seed %s', (seed) => {
    expect(() => make(seed)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
