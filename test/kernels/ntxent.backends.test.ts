import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUnit } from '../../src/conformance/inputs.ts';
import { ntxentReference } from '../../src/conformance/references/ntxent.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, type NtXentInputs, normals, runNtXent, unitRows, withArrays } from './inputs.ts';

function randomInputs(pairs: number, dim: number, temperature: number, seed = 1): NtXentInputs {
  const rows = 2 * pairs;
  const z = unitRows(rows, dim, generator(seed + 1000 * rows + 77 * dim));
  return { z, rows, dim, temperature, gradientScale: 1 / rows };
}

/** The second views within a distance of the first ones. */
function near(inputs: NtXentInputs, distance: number, seed: number): NtXentInputs {
  const { z, rows, dim } = inputs;
  const noise = normals((rows / 2) * dim, generator(seed), distance);
  const views = toUnit(
    noise.map((x, i) => x + z[i]!),
    rows / 2,
    dim,
  );
  const both = z.slice();
  both.set(views, (rows / 2) * dim);
  return { ...inputs, z: both };
}

/** Σ −log of the softmax that the definition has, and not the way that the kernel and its reference compute it. */
function lossOf(z: ArrayLike<number>, { rows, dim, temperature }: NtXentInputs): number {
  const logit = (i: number, j: number): number => {
    let sum = 0;
    for (let c = 0; c < dim; c++) sum += z[i * dim + c]! * z[j * dim + c]!;
    return sum / temperature;
  };
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const positive = logit(i, (i + rows / 2) % rows);
    let sum = 0;
    for (let j = 0; j < rows; j++) if (j !== i) sum += Math.exp(logit(i, j) - positive);
    loss += Math.log(sum);
  }
  return loss;
}

const shapes = fc.record({
  pairs: fc.integer({ min: 1, max: 40 }),
  dim: fc.integer({ min: 1, max: 40 }),
  temperature: fc.double({ min: 0.02, max: 1, noNaN: true }),
  distance: fc.constantFrom(0, 1e-1, 1e-3, 1e-5),
  seed: fc.integer(),
});

onEveryBackend(({ kernels, accuracy, fewer }) => {
  const reference = ({ z, rows, dim, temperature, gradientScale }: NtXentInputs) =>
    ntxentReference(z, rows, dim, temperature, gradientScale, accuracy);

  describe('ntxent', () => {
    it('of any shape, temperature and closeness agrees with float64; losses are not negative', () =>
      fc.assert(
        fc.asyncProperty(shapes, async ({ pairs, dim, temperature, distance, seed }) => {
          const plain = randomInputs(pairs, dim, temperature, seed);
          const inputs = distance ? near(plain, distance, seed) : plain;
          const want = reference(inputs);
          const got = await runNtXent(kernels, inputs);
          expectClose('rank', got.rank, want.rank, 0);
          expectClose('loss', got.loss, want.loss, want.lossBound);
          expectClose('dz', got.dz, want.dz, want.dzBound, [inputs.rows, dim]);
          for (const value of got.loss) expect(value).toBeGreaterThanOrEqual(0);
        }),
        { numRuns: 60 / fewer },
      ));

    it('has the gradient of central differences', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 2, max: 9 }),
          async (pairs, dim) => {
            const temperature = 0.5;
            const inputs = { ...randomInputs(pairs, dim, temperature, 7), gradientScale: 1 };
            const { rows } = inputs;
            const { dz } = await runNtXent(kernels, inputs);
            const { dzBound } = reference(inputs);
            const h = 1e-4;
            const z = Float64Array.from(inputs.z);
            const want = z.map((x, i) => {
              const moved = (by: number) => lossOf(z.with(i, x + by), inputs);
              return (moved(h) - moved(-h)) / (2 * h);
            });
            // Each of the 2N losses has a third derivative of at most 2·(2/τ)³ in a row.
            const error = (h ** 2 / 6) * rows * 2 * (2 / temperature) ** 3 + (rows * 1e-14) / h;
            expectClose(
              'dz',
              dz,
              want,
              dzBound.map((bound) => bound + error),
            );
          },
        ),
        { numRuns: 30 / fewer },
      ));

    it('of two views that change places: results change places', async () => {
      const inputs = near(randomInputs(37, 20, 0.1), 0.2, 3);
      const swap = (values: Float32Array) =>
        Float32Array.of(...values.subarray(values.length / 2), ...values.subarray(0, values.length / 2));
      const one = await runNtXent(kernels, inputs);
      const other = await runNtXent(kernels, { ...inputs, z: swap(inputs.z) });
      const { lossBound, dzBound } = reference(inputs);
      const twice = (bound: Float64Array) => bound.map((value) => 2 * value);
      expectClose('rank', swap(other.rank), one.rank, 0);
      expectClose('loss', swap(other.loss), one.loss, twice(lossBound));
      expectClose('dz', swap(other.dz), one.dz, twice(dzBound));
    });

    it('of one pair has no negatives: no loss, no rank, no gradient', async () => {
      const { loss, rank, dz } = await runNtXent(kernels, randomInputs(1, 5, 0.1));
      expect([...loss, ...rank]).toEqual([0, 0, 0, 0]);
      expect([...dz].map(Math.abs)).toEqual(Array(10).fill(0));
    });

    it('of no rows does nothing', async () => {
      expect(
        (await runNtXent(kernels, { ...randomInputs(1, 5, 0.1), z: new Float32Array(0), rows: 0 })).loss,
      ).toHaveLength(0);
    });

    it('scales its gradient by gradientScale and by nothing else', async () => {
      const inputs = randomInputs(20, 16, 0.2);
      const one = await runNtXent(kernels, { ...inputs, gradientScale: 1 });
      const quarter = await runNtXent(kernels, { ...inputs, gradientScale: 0.25 });
      expectSameBits(
        'dz',
        quarter.dz,
        one.dz.map((x) => 0.25 * x),
      );
      expectSameBits('loss', quarter.loss, one.loss);
    });

    it('refuses an odd number of rows, a temperature near 0, wrong shapes, and z as a result', () =>
      withArrays(kernels, (put) => {
        const [z, loss, rank, dz] = [
          put(Array(12).fill(0)),
          put([0, 0, 0, 0]),
          put([0, 0, 0, 0]),
          put(Array(12).fill(0)),
        ];
        const args = { z, rows: 4, dim: 3, temperature: 0.1, gradientScale: 1, loss, rank, dz };
        const cases: [string, RegExp, Partial<typeof args>][] = [
          ['shape-mismatch', /z has 3 rows, .* even/, { rows: 3 }],
          ['shape-mismatch', /rows of z is 2097152/, { rows: 2 ** 21 }],
          ['usage', /temperature is 0, .* at least 1e-6/, { temperature: 0 }],
          ['usage', /gradientScale is NaN/, { gradientScale: Number.NaN }],
          ['shape-mismatch', /z has 12 .*\[4, 4\] needs 16/, { dim: 4 }],
          ['shape-mismatch', /loss has 12 .*\[4\]/, { loss: dz }],
          ['shape-mismatch', /dz has 4 .*\[4, 3\]/, { dz: rank }],
          ['usage', /a result of ntxent is z itself/, { dz: z }],
        ];
        for (const [code, message, change] of cases) {
          const error = errorOf(() => kernels.ntxent({ ...args, ...change }));
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
      }));
  });
});
