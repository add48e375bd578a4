import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, fewer }) => {
  /** A permutation of 0, 1, …, count − 1. */
  function permutation(count: number, random: () => number): Uint32Array {
    const rows = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor((i + 1) * random());
      [rows[i], rows[j]] = [rows[j]!, rows[i]!];
    }
    return rows;
  }

  const count = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i);

  describe('gatherRows', () => {
    it('takes the rows of a list, some twice, some never', () =>
      withArrays(kernels, async (put) => {
        const target = put(new Float32Array(12));
        kernels.gatherRows({ target, source: put(count(33)), rows: Uint32Array.of(10, 1, 1, 0), dim: 3 });
        expect([...(await kernels.read(target))]).toEqual([30, 31, 32, 3, 4, 5, 3, 4, 5, 0, 1, 2]);
      }));

    it('an empty list moves nothing', () =>
      withArrays(kernels, async (put) => {
        const [some, none] = [put([1, 2, 3]), put([])];
        kernels.gatherRows({ target: none, source: some, rows: new Uint32Array(0), dim: 3 });
        kernels.gatherRows({ target: none, source: put([]), rows: new Uint32Array(0), dim: 3 });
        kernels.scatterRows({ target: some, source: none, rows: new Uint32Array(0), dim: 3 });
        expect([...(await kernels.read(some))]).toEqual([1, 2, 3]);
      }));
  });

  describe('scatterRows', () => {
    it('writes the rows of a list and no others', () =>
      withArrays(kernels, async (put) => {
        const target = put(count(12));
        kernels.scatterRows({
          target,
          source: put([-1, -2, -3, -4, -5, -6]),
          rows: Uint32Array.of(3, 1),
          dim: 3,
        });
        expect([...(await kernels.read(target))]).toEqual([0, 1, 2, -4, -5, -6, 6, 7, 8, -1, -2, -3]);
      }));
  });

  describe('both', () => {
    it('do with every bit what plain loops do, and undo each other for a permutation', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 300 }),
          fc.constantFrom(1, 3, 4, 129),
          fc.integer(),
          (rows, dim, seed) =>
            withArrays(kernels, async (put) => {
              const random = generator(seed);
              const order = permutation(rows, random);
              // Denormals, −0 and NaN too: bits are moved.
              const values = normals(rows * dim, random);
              values.set([Number.NaN, -0, 2 ** -149, Number.NEGATIVE_INFINITY].slice(0, values.length));
              const [source, gathered, back] = [put(values), put(values), put(values)];
              kernels.gatherRows({ target: gathered, source, rows: order, dim });
              const want = new Float32Array(rows * dim);
              for (const [r, row] of order.entries()) {
                want.set(values.subarray(row * dim, (row + 1) * dim), r * dim);
              }
              expectSameBits('gathered', await kernels.read(gathered), want);
              kernels.write(back, new Float32Array(rows * dim));
              kernels.scatterRows({ target: back, source: gathered, rows: order, dim });
              expectSameBits('scattered', await kernels.read(back), values);
            }),
        ),
        { numRuns: 50 / fewer },
      ));

    it('calls in a row each use their own list, longer and shorter ones', () =>
      withArrays(kernels, async (put) => {
        const source = put(count(1000));
        const lists = [[3], [1, 2, 999], [7, 7], Array.from({ length: 700 }, (_, i) => 999 - i), [5]];
        const targets = lists.map((list) => put(new Float32Array(list.length)));
        for (const [i, list] of lists.entries()) {
          kernels.gatherRows({ target: targets[i]!, source, rows: Uint32Array.from(list), dim: 1 });
        }
        for (const [i, list] of lists.entries()) expect([...(await kernels.read(targets[i]!))]).toEqual(list);
      }));

    it('the parts of a batch, taken and put back one by one, are the batch', () =>
      withArrays(kernels, async (put) => {
        const [groups, size, dim] = [4, 9, 5];
        const values = normals(groups * size * dim, generator(8));
        const [batch, back] = [put(values), put(new Float32Array(values.length))];
        for (let group = 0; group < groups; group++) {
          const rows = Uint32Array.from({ length: size }, (_, r) => group + groups * r);
          const part = put(new Float32Array(size * dim));
          kernels.gatherRows({ target: part, source: batch, rows, dim });
          kernels.scatterRows({ target: back, source: part, rows, dim });
        }
        expectSameBits('batch', await kernels.read(back), values);
      }));

    it('refuse rows beyond the end, wrong shapes, one array for both, and a row to be written twice', () =>
      withArrays(kernels, async (put) => {
        const [two, six, seven] = [put([1, 2]), put(count(6)), put(count(7))];
        const list = (...rows: number[]): Uint32Array => Uint32Array.from(rows);
        const cases: [string, RegExp, () => void][] = [
          [
            'shape-mismatch',
            /source has 6 .* row 3 of 2 ends at 8/,
            () => kernels.gatherRows({ target: two, source: six, rows: list(3), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /source has 7 .* row 3 of 2/,
            () => kernels.gatherRows({ target: two, source: seven, rows: list(3), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /target has 6 .* row 3 of 2/,
            () => kernels.scatterRows({ target: six, source: two, rows: list(3), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /row 4294967295/,
            () => kernels.gatherRows({ target: two, source: six, rows: list(2 ** 32 - 1), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /target has 2 .*\[2, 2\]/,
            () => kernels.gatherRows({ target: two, source: six, rows: list(0, 1), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /source has 2 .*\[2, 2\]/,
            () => kernels.scatterRows({ target: six, source: two, rows: list(0, 1), dim: 2 }),
          ],
          [
            'shape-mismatch',
            /columns of target is 0/,
            () => kernels.gatherRows({ target: two, source: six, rows: list(0, 1), dim: 0 }),
          ],
          [
            'usage',
            /one array/,
            () => kernels.gatherRows({ target: six, source: six, rows: list(2, 1, 0), dim: 2 }),
          ],
          [
            'usage',
            /one array/,
            () => kernels.scatterRows({ target: six, source: six, rows: list(2, 1, 0), dim: 2 }),
          ],
          [
            'usage',
            /row 1 of target twice/,
            () => kernels.scatterRows({ target: six, source: two, rows: list(1, 1), dim: 1 }),
          ],
        ];
        for (const [code, message, body] of cases) {
          const error = errorOf(body);
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
        expect([...(await kernels.read(six))]).toEqual([0, 1, 2, 3, 4, 5]);
      }));
  });
});
