import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crossEntropyReference } from '../../src/conformance/references/cross-entropy.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import {
  type CrossEntropyInputs,
  errorOf,
  generator,
  normals,
  runCrossEntropy,
  withArrays,
} from './inputs.ts';

function randomInputs(rows: number, classes: number, scale: number, seed: number): CrossEntropyInputs {
  const random = generator(seed);
  const labels = Array.from({ length: rows }, () => Math.floor(classes * random()));
  return { logits: normals(rows * classes, random, scale), labels, classes, gradientScale: 1 / rows };
}

/** −ln of the softmax that the definition has, of logits that exp bears. */
function lossOf(logits: readonly number[], label: number): number {
  return Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[label]!;
}

const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  classes: fc.integer({ min: 1, max: 150 }),
  scale: fc.constantFrom(1e-4, 1, 10, 1000),
  seed: fc.integer(),
});

onEveryBackend(({ kernels, accuracy, fewer }) => {
  const reference = ({ logits, labels, classes, gradientScale }: CrossEntropyInputs) =>
    crossEntropyReference(logits, labels, classes, gradientScale, accuracy);

  describe('crossEntropy', () => {
    it('of any shape and size of logits agrees with float64; losses are not negative', () =>
      fc.assert(
        fc.asyncProperty(shapes, async ({ rows, classes, scale, seed }) => {
          const inputs = randomInputs(rows, classes, scale, seed);
          const [want, got] = [reference(inputs), await runCrossEntropy(kernels, inputs)];
          expectClose('rank', got.rank, want.rank, 0);
          expectClose('loss', got.loss, want.loss, want.lossBound);
          expectClose('dLogits', got.dLogits, want.dLogits, want.dLogitsBound, [rows, classes]);
          for (const value of got.loss) expect(value).toBeGreaterThanOrEqual(0);
        }),
        { numRuns: 100 / fewer },
      ));

    it('has the gradient of central differences', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.integer(), async (classes, seed) => {
          const inputs = { ...randomInputs(1, classes, 2, seed), gradientScale: 1 };
          const { dLogits } = await runCrossEntropy(kernels, inputs);
          const h = 1e-4;
          const want = dLogits.map((_, j) => {
            const moved = (by: number) => {
              const logits = Array.from(inputs.logits, (x, i) => (i === j ? x + by : x));
              return lossOf(logits, inputs.labels[0]!);
            };
            return (moved(h) - moved(-h)) / (2 * h);
          });
          // The third derivative of a log-sum-exp is at most 1 in size, the loss itself below 30; `want` is float32.
          const error = h ** 2 / 6 + (30 * 2 ** -52) / h + 2 ** -24;
          const { dLogitsBound } = reference(inputs);
          expectClose(
            'dLogits',
            dLogits,
            want,
            dLogitsBound.map((bound) => bound + error),
          );
        }),
        { numRuns: 50 / fewer },
      ));

    it('a row has the same bits whatever rows are beside it', async () => {
      const inputs = randomInputs(37, 21, 3, 4);
      const whole = await runCrossEntropy(kernels, inputs);
      for (let first = 0; first < 37; first += 10) {
        const last = Math.min(37, first + 10);
        const [logits, labels] = [
          inputs.logits.slice(21 * first, 21 * last),
          inputs.labels.slice(first, last),
        ];
        const part = await runCrossEntropy(kernels, { ...inputs, logits, labels });
        expectSameBits('loss', part.loss, whole.loss.subarray(first, last));
        expectSameBits('rank', part.rank, whole.rank.subarray(first, last));
        expectSameBits('dLogits', part.dLogits, whole.dLogits.subarray(21 * first, 21 * last));
      }
    });

    it('of no rows does nothing', async () => {
      const none = { logits: new Float32Array(0), labels: [], classes: 3, gradientScale: 1 };
      expect((await runCrossEntropy(kernels, none)).loss).toHaveLength(0);
    });

    it('refuses labels that are no class, wrong shapes, and a scale that is no number', () =>
      withArrays(kernels, async (put) => {
        const [logits, loss, rank, dLogits] = [
          put([1, 2, 3, 4, 5, 6]),
          put([7, 7]),
          put([7, 7]),
          put(Array(6).fill(7)),
        ];
        const args = { logits, labels: [0, 2], classes: 3, gradientScale: 1, loss, rank, dLogits };
        const cases: [string, RegExp, Partial<typeof args>][] = [
          ['shape-mismatch', /label 1 is 3, but must be a whole number in \[0, 2\]/, { labels: [0, 3] }],
          ['shape-mismatch', /label 0 is -1/, { labels: [-1, 0] }],
          ['shape-mismatch', /label 0 is 0\.5/, { labels: [0.5, 0] }],
          ['shape-mismatch', /logits has 6 .*\[1, 3\] needs 3/, { labels: [0] }],
          ['shape-mismatch', /columns of logits is 0/, { classes: 0 }],
          ['shape-mismatch', /rank has 6 .*\[2\]/, { rank: dLogits }],
          ['usage', /gradientScale is Infinity/, { gradientScale: Number.POSITIVE_INFINITY }],
        ];
        for (const [code, message, change] of cases) {
          const error = errorOf(() => kernels.crossEntropy({ ...args, ...change }));
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
        expect([...(await kernels.read(loss)), ...(await kernels.read(dLogits))]).toEqual(Array(8).fill(7));
      }));
  });
});
