import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, normals, withArrays } from './inputs.ts';

/** Kernels that go through lists of arrays. */
onEveryBackend(({ kernels, fewer }) => {
  const values = async (arrays: readonly DeviceArray[]): Promise<number[][]> =>
    (await Promise.all(arrays.map((array) => kernels.read(array)))).map((result) => [...result]);

  describe('lists', () => {
    it('may be empty, and may hold empty arrays', () =>
      withArrays(kernels, async (put) => {
        const [gate, one, none] = [put([1]), put([1]), put([])];
        kernels.copy({ targets: [], sources: [] });
        kernels.copy({ targets: [], sources: [], gate });
        kernels.ema({ targets: [], sources: [], keep: 0.5, scale: 1 - 0.5 });
        kernels.accumulate({ sums: [], xs: [] });
        kernels.ema({ targets: [], sources: [], keep: 0.5, scale: [], gate });
        kernels.finite({ gate, arrays: [] });
        kernels.accumulate({ sums: [none, one, none], xs: [none, one, none] });
        kernels.copy({ targets: [none, one], sources: [none, gate], gate });
        kernels.finite({ gate, arrays: [none] });
        expect(await values([gate, one, none])).toEqual([[1], [1], []]);
      }));

    it('are gone through in order: a pair sees what pairs before it wrote', () =>
      withArrays(kernels, async (put) => {
        const gate = put([1]);
        const [a, b, c] = [put([1]), put([10]), put([100])];
        kernels.accumulate({ sums: [b, c, a, a], xs: [a, b, a, a] });
        expect(await values([a, b, c])).toEqual([[4], [11], [111]]);
        kernels.copy({ targets: [a, b, c], sources: [b, c, a] });
        expect(await values([a, b, c])).toEqual([[11], [111], [11]]);
        kernels.copy({ targets: [b, a, c, b], sources: [a, c, b, c], gate });
        expect(await values([a, b, c])).toEqual([[11], [11], [11]]);
        kernels.write(b, Float32Array.of(3));
        kernels.ema({ targets: [a, c, c], sources: [b, a, c], keep: 0, scale: [2, 3, 2], gate });
        expect(await values([a, b, c])).toEqual([[6], [3], [36]]);
        kernels.ema({ targets: [a, a], sources: [a, b], keep: 0.5, scale: 1 - 0.5 });
        expect(await values([a])).toEqual([[4.5]]);
      }));

    it('give the same bits however they are split', () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), fc.boolean()), { minLength: 1, maxLength: 8 }),
          fc.integer(),
          (parts, seed) =>
            withArrays(kernels, async (put) => {
              const random = generator(seed);
              const targets = parts.map(([length]) => normals(length, random));
              const sources = parts.map(([length]) => normals(length, random));
              if (random() < 0.3) sources.at(-1)!.fill(Number.NaN, 0, 1);
              const run = async (ranges: readonly (readonly [number, number])[]): Promise<Float32Array[]> => {
                const hold = (list: readonly Float32Array[]): DeviceArray[] => list.map(put);
                const [copied, key, sum, running, p, buffer, q, momentum] = Array.from({ length: 8 }, () =>
                  hold(targets),
                );
                const [r, mean, square] = [
                  hold(targets),
                  hold(targets),
                  hold(targets.map((t) => t.map(Math.abs))),
                ];
                const [from, gate, open] = [hold(sources), put([1]), put([1])];
                for (const [first, end] of ranges) {
                  const part = (list: DeviceArray[] | undefined) => list!.slice(first, end);
                  const source = part(from);
                  kernels.copy({
                    targets: part(copied),
                    sources: source,
                    gate: first % 2 ? open : undefined,
                  });
                  kernels.ema({
                    targets: part(key),
                    sources: source,
                    keep: 0.99,
                    scale: 1 - 0.99,
                    gate: first % 2 ? open : undefined,
                  });
                  kernels.accumulate({ sums: part(sum), xs: source });
                  const scales = source.map((_, i) => 0.1 + first + i);
                  kernels.ema({
                    targets: part(running),
                    sources: source,
                    keep: 0.9,
                    scale: scales,
                    gate: open,
                  });
                  const options = { learningRate: 0.03, momentum: 0.9, weightDecay: 1e-4 };
                  kernels.sgd({
                    parameters: part(p),
                    gradients: source,
                    buffers: part(buffer),
                    ...options,
                    gate: open,
                  });
                  const [parameters, buffers] = [part(q), part(momentum)];
                  const ratio = { trust: 0.01, rateInMomentum: true };
                  kernels.lars({ parameters, gradients: source, buffers, ...options, ...ratio, gate: open });
                  kernels.adamw({
                    ...{ parameters: part(r), gradients: source, means: part(mean), squares: part(square) },
                    ...{ learningRate: 0.03, weightDecay: 1e-4, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
                    ...{ step: 2, gate: open },
                  });
                  kernels.finite({ gate, arrays: source });
                }
                const lists = [copied, key, sum, running, p, buffer, q, momentum, r, mean, square];
                const results = lists.flatMap((list) => list!);
                return Promise.all([...results, gate].map((array) => kernels.read(array)));
              };
              const ends = [...parts.flatMap(([, cut], i) => (cut ? [i] : [])), parts.length];
              const whole = await run([[0, parts.length]]);
              const split = await run(ends.map((end, i) => [ends[i - 1] ?? 0, end]));
              for (const [i, array] of whole.entries()) expectSameBits(`array ${i}`, split[i]!, array);
            }),
        ),
        { numRuns: 40 / fewer },
      ));

    it('that do not go together are refused before anything is written', () =>
      withArrays(kernels, async (put) => {
        const [gate, wide, three] = [put([1]), put([1, 1]), put([1, 1, 1])];
        const [one, two] = [put([1]), put([2])];
        const freed = kernels.allocate(1);
        kernels.free(freed);
        const cases: [string, RegExp, () => void][] = [
          [
            'shape-mismatch',
            /targets and sources .* 2, 1/,
            () => kernels.copy({ targets: [one, two], sources: [two] }),
          ],
          [
            'shape-mismatch',
            /sources\[1\] has 2 .* needs 1/,
            () => kernels.copy({ targets: [one, two], sources: [two, wide] }),
          ],
          [
            'shape-mismatch',
            /gate has 2/,
            () => kernels.copy({ targets: [one], sources: [two], gate: wide }),
          ],
          [
            'array-freed',
            /sources\[1\] was used after/,
            () => kernels.copy({ targets: [one, two], sources: [two, freed] }),
          ],
          [
            'array-freed',
            /gate was used after/,
            () => kernels.copy({ targets: [one], sources: [two], gate: freed }),
          ],
          ['shape-mismatch', /sums and xs .* 1, 0/, () => kernels.accumulate({ sums: [one], xs: [] })],
          [
            'shape-mismatch',
            /xs\[1\] has 3/,
            () => kernels.accumulate({ sums: [one, wide], xs: [two, three] }),
          ],
          [
            'shape-mismatch',
            /targets and sources .* 1, 2/,
            () => kernels.ema({ targets: [one], sources: [two, two], keep: 0.5, scale: 1 - 0.5 }),
          ],
          [
            'shape-mismatch',
            /gate has 2/,
            () => kernels.ema({ targets: [one], sources: [two], keep: 0.5, scale: 1 - 0.5, gate: wide }),
          ],
          [
            'shape-mismatch',
            /targets and scale .* 1, 2/,
            () => kernels.ema({ targets: [one], sources: [two], keep: 1, scale: [1, 1], gate }),
          ],
          [
            'shape-mismatch',
            /sources\[0\] has 2/,
            () => kernels.ema({ targets: [one], sources: [wide], keep: 1, scale: [1], gate }),
          ],
          [
            'usage',
            /scale is NaN/,
            () =>
              kernels.ema({
                targets: [one, one],
                sources: [two, two],
                keep: 1,
                scale: [1, Number.NaN],
                gate,
              }),
          ],
          [
            'usage',
            /keep is Infinity/,
            () =>
              kernels.ema({
                targets: [one],
                sources: [two],
                keep: Number.POSITIVE_INFINITY,
                scale: [1],
                gate,
              }),
          ],
          [
            'array-freed',
            /gate was used after/,
            () => kernels.ema({ targets: [one], sources: [two], keep: 1, scale: [1], gate: freed }),
          ],
          ['array-freed', /arrays\[1\] was used after/, () => kernels.finite({ gate, arrays: [one, freed] })],
          ['shape-mismatch', /gate has 2/, () => kernels.finite({ gate: wide, arrays: [one] })],
        ];
        for (const [code, message, body] of cases) {
          const error = errorOf(body);
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
        expect(await values([gate, wide, one, two])).toEqual([[1], [1, 1], [1], [2]]);
      }));
  });
});
