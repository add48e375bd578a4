import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUnit } from '../../src/conformance/inputs.ts';
import { infoNceReference } from '../../src/conformance/references/infonce.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, type InfoNceInputs, normals, runInfoNce, unitRows } from './inputs.ts';

function randomInputs(
  rows: number,
  dim: number,
  queueSize: number,
  temperature: number,
  seed = 1,
): InfoNceInputs {
  const random = generator(seed + 1000 * rows + 77 * dim + queueSize);
  return {
    query: unitRows(rows, dim, random),
    key: unitRows(rows, dim, random),
    queue: unitRows(queueSize, dim, random),
    rows,
    dim,
    queueSize,
    temperature,
    gradientScale: 1 / rows,
  };
}

/** Unit rows close to one common row: logit gaps below what float32 logits resolve. */
function nearIdentical(inputs: InfoNceInputs, distance: number, seed: number): InfoNceInputs {
  const { rows, dim, queueSize } = inputs;
  const random = generator(seed);
  const center = unitRows(1, dim, random);
  const around = (count: number): Float32Array => {
    const noise = normals(count * dim, random, distance);
    return toUnit(
      noise.map((x, i) => x + center[i % dim]!),
      count,
      dim,
    );
  };
  return { ...inputs, query: around(rows), key: around(rows), queue: around(queueSize) };
}

onEveryBackend(({ kernels, accuracy, fewer }) => {
  async function check(inputs: InfoNceInputs): Promise<void> {
    const { query, key, queue, rows, dim, queueSize, temperature, gradientScale } = inputs;
    const want = infoNceReference(
      query,
      key,
      queue,
      rows,
      dim,
      queueSize,
      temperature,
      gradientScale,
      accuracy,
    );
    const got = await runInfoNce(kernels, inputs);
    const where = `N=${rows} C=${dim} K=${queueSize} τ=${temperature}`;
    expectClose(`rank, ${where}`, got.rank, want.rank, 0);
    expectClose(`loss, ${where}`, got.loss, want.loss, want.lossBound);
    expectClose(`dQuery, ${where}`, got.dQuery, want.dQuery, want.dQueryBound, [rows, dim]);
  }

  describe('infonce against float64', () => {
    const SIZES = [1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
    it.each(SIZES)('C = %i', (dim) => check(randomInputs(5, dim, 70, 0.2)));
    it.each([...SIZES, 255, 256, 257, 1021])('K = %i', (queueSize) =>
      check(randomInputs(5, 20, queueSize, 0.07)),
    );
    it.each([...SIZES, 255, 256, 257, 263])('N = %i', (rows) => check(randomInputs(rows, 12, 40, 0.1)));
    it.each([0.01, 0.07, 0.2, 1, 30])('τ = %f', (temperature) =>
      check(randomInputs(6, 64, 300, temperature)),
    );
    it.each([1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])(
      'rows within %f of each other, τ = 0.01',
      (distance) => check(nearIdentical(randomInputs(9, 64, 257, 0.01), distance, 5)),
    );

    it('all logits equal: loss = ln(1 + K), nothing ranks above the positive', async () => {
      const inputs = randomInputs(3, 10, 37, 0.2);
      for (let n = 0; n < 3; n++) inputs.key.set(inputs.key.subarray(0, 10), 10 * n);
      for (let j = 0; j < 37; j++) inputs.queue.set(inputs.key.subarray(0, 10), 10 * j);
      await check(inputs);
      const got = await runInfoNce(kernels, inputs);
      expectClose(
        'loss',
        got.loss,
        [1, 2, 3].map(() => Math.log(38)),
        accuracy.exact ? 2 ** -22 : 2 ** -19,
      );
      expect([...got.rank]).toEqual([0, 0, 0]);
    });

    it('zero vectors', async () => {
      const inputs = randomInputs(6, 10, 37, 0.2);
      inputs.query.fill(0, 0, 20);
      inputs.key.fill(0, 10, 30);
      inputs.queue.fill(0, 50, 120);
      await check(inputs);
    });

    it('denormal components', async () => {
      const inputs = randomInputs(4, 16, 40, 0.2);
      for (const array of [inputs.query, inputs.key, inputs.queue]) {
        for (let i = 1; i < array.length; i += 3) array[i] = (i % 7) * 2 ** -149;
      }
      await check(inputs);
    });

    it('a confident sample keeps its tiny loss: no cancellation against 1', async () => {
      const inputs = randomInputs(1, 8, 1, 0.05);
      inputs.query.set([1, 0, 0, 0, 0, 0, 0, 0]);
      inputs.key.set([1, 0, 0, 0, 0, 0, 0, 0]);
      inputs.queue.set([-1, 0, 0, 0, 0, 0, 0, 0]);
      const { loss } = await runInfoNce(kernels, inputs);
      expectClose('loss', loss, [Math.exp(-40)], (accuracy.exact ? 1e-5 : 4e-5) * Math.exp(-40));
    });

    it('values far from unit length overflow to a loss that the gate catches, never to a finite wrong one', async () => {
      const inputs = randomInputs(4, 16, 40, 0.07);
      const huge = {
        ...inputs,
        query: inputs.query.map((x) => x * 1e30),
        queue: inputs.queue.map((x) => x * 1e30),
      };
      const { loss } = await runInfoNce(kernels, huge);
      expect([...loss].map(Number.isFinite)).toEqual([false, false, false, false]);
    });

    it.each(['query', 'key', 'queue'] as const)('NaN in %s makes the loss NaN', async (name) => {
      const inputs = randomInputs(4, 16, 40, 0.2);
      inputs[name][16 * 2 + 3] = Number.NaN;
      const { loss } = await runInfoNce(kernels, inputs);
      expect(Number.isNaN(loss[2])).toBe(true);
      // A bad query or key spoils its own sample only; a bad negative spoils all.
      expect(Number.isNaN(loss[1])).toBe(name === 'queue');
    });
  });

  describe('infonce properties', () => {
    it("a sample's bits do not depend on the rest of the batch, on close calls too", async () => {
      for (const inputs of [
        randomInputs(fewer > 1 ? 70 : 263, 20, 100, 0.07),
        nearIdentical(randomInputs(37, 24, 100, 0.01), 1e-4, 3),
      ]) {
        const { rows, dim } = inputs;
        const whole = await runInfoNce(kernels, inputs);
        for (const groups of fewer > 1 ? [5, 2] : [rows, 5, 2]) {
          for (let first = 0; first < rows; first += Math.ceil(rows / groups)) {
            const last = Math.min(rows, first + Math.ceil(rows / groups));
            const part = await runInfoNce(kernels, {
              ...inputs,
              query: inputs.query.subarray(first * dim, last * dim),
              key: inputs.key.subarray(first * dim, last * dim),
              rows: last - first,
            });
            const where = `samples ${first}–${last - 1}`;
            expectSameBits(`loss of ${where}`, part.loss, whole.loss.subarray(first, last));
            expectSameBits(`rank of ${where}`, part.rank, whole.rank.subarray(first, last));
            expectSameBits(`dQuery of ${where}`, part.dQuery, whole.dQuery.subarray(first * dim, last * dim));
          }
        }
      }
    });

    it('any shape, temperature and closeness agrees with float64; losses are not negative', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 13 }),
          fc.integer({ min: 1, max: 40 }),
          fc.integer({ min: 1, max: 90 }),
          fc.double({ min: 0.01, max: 1, noNaN: true }),
          fc.constantFrom(0, 1e-1, 1e-3, 1e-5),
          fc.integer(),
          async (rows, dim, queueSize, temperature, distance, seed) => {
            const plain = randomInputs(rows, dim, queueSize, temperature, seed);
            const inputs = distance ? nearIdentical(plain, distance, seed) : plain;
            await check(inputs);
            const { loss } = await runInfoNce(kernels, inputs);
            for (const value of loss) expect(value).toBeGreaterThanOrEqual(0);
          },
        ),
        { numRuns: 60 / fewer },
      ));

    it('the gradient is scaled by gradientScale and by nothing else', async () => {
      const inputs = randomInputs(5, 16, 50, 0.2);
      const one = await runInfoNce(kernels, { ...inputs, gradientScale: 1 });
      const quarter = await runInfoNce(kernels, { ...inputs, gradientScale: 0.25 });
      expectSameBits(
        'dQuery',
        quarter.dQuery,
        one.dQuery.map((x) => 0.25 * x),
      );
      expectSameBits('loss', quarter.loss, one.loss);
    });
  });
});
