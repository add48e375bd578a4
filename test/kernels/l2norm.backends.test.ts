import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { U } from '../../src/conformance/accuracy.ts';
import { L2NORM_BOUNDS, l2NormRow } from '../../src/conformance/references/l2norm.ts';
import { l2NormBackwardRow } from '../../src/conformance/references/l2norm-backward.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy, fewer }) => {
  interface Result {
    y: Float32Array;
    norm: Float32Array;
    dx: Float32Array;
  }

  function run(x: Float32Array, dy: Float32Array, rows: number, dim: number): Promise<Result> {
    return withArrays(kernels, async (put) => {
      const [y, norm, dx] = [
        put(new Float32Array(x.length)),
        put(new Float32Array(rows)),
        put(new Float32Array(x.length)),
      ];
      kernels.l2norm({ x: put(x), y, norm, rows, dim });
      kernels.l2normBackward({ y, norm, dy: put(dy), dx, rows, dim });
      return { y: await kernels.read(y), norm: await kernels.read(norm), dx: await kernels.read(dx) };
    });
  }

  /** Forward once rounded; backward from the float32 y and norm that the kernel keeps. */
  async function check(x: Float32Array, dy: Float32Array, rows: number, dim: number): Promise<Result> {
    const got = await run(x, dy, rows, dim);
    for (let r = 0; r < rows; r++) {
      const row = (array: Float32Array): Float32Array => array.subarray(r * dim, (r + 1) * dim);
      const want = l2NormRow(row(x), accuracy);
      expectClose(`norm of row ${r}`, [got.norm[r]!], [want.norm], want.normBound);
      expectClose(`y of row ${r}`, row(got.y), want.y.exact, want.y.bound);
      const dx = l2NormBackwardRow(row(got.y), got.norm[r]!, row(dy), accuracy);
      expectClose(`dx of row ${r}`, row(got.dx), dx.exact, dx.bound);
    }
    return got;
  }

  describe('l2norm and its gradient against float64', () => {
    it.each([1, 2, 3, 4, 5, 7, 15, 16, 17, 63, 64, 65, 127, 128, 129, 512])('C = %i', async (dim) => {
      const random = generator(dim);
      await check(normals(3 * dim, random, 5), normals(3 * dim, random), 3, dim);
    });

    it.each([1e-44, 1e-38, 1e-20, 1e-13, 1e-12, 1e-11, 1, 1e20, 1e37])('values of size %f', async (size) => {
      const random = generator(9);
      await check(normals(2 * 19, random, size), normals(2 * 19, random, Math.min(1, size)), 2, 19);
    });

    it('a zero row stays zero; its gradient is dy / 1e-12, as torch computes it', async () => {
      const { y, dx } = await check(new Float32Array(6), Float32Array.of(1, 2, -3, 0.5, 0, 4), 2, 3);
      expect([...y]).toEqual([0, 0, 0, 0, 0, 0]);
      expectClose('dx', [dx[2]!], [Math.fround(-3e12)], accuracy.exact ? 0 : 8 * U * 3e12);
    });

    it('works in place', () =>
      withArrays(kernels, async (put) => {
        const [x, norm] = [put([3, 4, 0, 5]), put([0, 0])];
        kernels.l2norm({ x, y: x, norm, rows: 2, dim: 2 });
        expectClose(
          'y',
          await kernels.read(x),
          [0.6, 0.8, 0, 1],
          L2NORM_BOUNDS[accuracy.backend].unitError(2),
        );
        expectClose(
          'norm',
          await kernels.read(norm),
          [5, 5],
          accuracy.exact ? 0 : 5 * L2NORM_BOUNDS[accuracy.backend].normError(2),
        );
      }));

    it('the gradient is orthogonal to y', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 70 }), fc.integer(), async (dim, seed) => {
          const random = generator(seed);
          const dy = normals(dim, random);
          const { y, dx, norm } = await run(normals(dim, random, 3), dy, 1, dim);
          const along = y.reduce((sum, value, c) => sum + value * dx[c]!, 0);
          // On wasm dx is rounded once (U), and y is a unit row up to U a component; on WebGPU both are within 32U.
          const size = dy.reduce((sum, value) => sum + value * value, 0) ** 0.5 / norm[0]!;
          expect(Math.abs(along)).toBeLessThanOrEqual((accuracy.exact ? 4 : 64) * U * size + 1e-30);
        }),
        { numRuns: 100 / fewer },
      ));

    it('NaN in a row reaches y, and no other row', async () => {
      const { y } = await run(Float32Array.of(1, Number.NaN, 3, 4), new Float32Array(4), 2, 2);
      expect([...y].map(Number.isNaN)).toEqual([true, true, false, false]);
    });
  });
});
