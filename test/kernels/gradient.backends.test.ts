/** The gradient of the loss by finite differences of the loss in float64, and what has to hold of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { U } from '../../src/conformance/accuracy.ts';
import { infoNceReference } from '../../src/conformance/references/infonce.ts';
import { L2NORM_BOUNDS } from '../../src/conformance/references/l2norm.ts';
import { L2NORM_BACKWARD_BOUNDS } from '../../src/conformance/references/l2norm-backward.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, type InfoNceInputs, normals, runInfoNce, unitRows, withArrays } from './inputs.ts';

/** −log of the softmax that the definition has, and not the way that the kernels and their reference compute it. */
function lossOf(
  query: ArrayLike<number>,
  { key, queue, dim, queueSize, temperature }: InfoNceInputs,
): number {
  const logit = (rows: Float32Array, row: number): number => {
    let sum = 0;
    for (let c = 0; c < dim; c++) sum += query[c]! * rows[row * dim + c]!;
    return sum / temperature;
  };
  const positive = logit(key, 0);
  let sum = 1;
  for (let j = 0; j < queueSize; j++) sum += Math.exp(logit(queue, j) - positive);
  return Math.log(sum);
}

const unit = (x: readonly number[]): number[] => {
  const norm = Math.hypot(...x);
  return x.map((value) => value / norm);
};

/**
 * (L(x + h) − L(x − h)) / 2h for each component: off by h²/6 of the third derivative, and by the rounding of L over h. Logits
 * relative to the positive change by at most 2/τ for each unit of q, so the derivatives of L in q are at most 2/τ, (2/τ)²
 * and 2·(2/τ)³. Those of x/‖x‖ are at most 1/s, 3/s² and 15/s³ with s = ‖x‖: together 82/(τ·s)³ for τ ≤ 1.
 */
function differences(x: readonly number[], loss: (x: number[]) => number, h: number): number[] {
  return x.map((_, c) => {
    const moved = (by: number) => x.map((value, i) => (i === c ? value + by : value));
    return (loss(moved(h)) - loss(moved(-h))) / (2 * h);
  });
}

const shapes = fc.record({
  dim: fc.integer({ min: 2, max: 24 }),
  queueSize: fc.integer({ min: 1, max: 70 }),
  temperature: fc.double({ min: 0.05, max: 1, noNaN: true }),
  seed: fc.integer(),
});

interface Shape {
  dim: number;
  queueSize: number;
  temperature: number;
  seed: number;
}

function inputsOf({ dim, queueSize, temperature, seed }: Shape): InfoNceInputs & { random: () => number } {
  const random = generator(seed);
  const [query, key, queue] = [1, 1, queueSize].map((rows) => unitRows(rows, dim, random)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { query, key, queue, rows: 1, dim, queueSize, temperature, gradientScale: 1, random };
}

onEveryBackend(({ kernels, accuracy, fewer }) => {
  const reference = ({ query, key, queue, dim, queueSize, temperature }: InfoNceInputs) =>
    infoNceReference(query, key, queue, 1, dim, queueSize, temperature, 1, accuracy);

  describe('the gradient of infonce', () => {
    it('is that of central differences', () =>
      fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          const inputs = inputsOf(shape);
          const { dQuery } = await runInfoNce(kernels, inputs);
          const h = 1e-5 * shape.temperature;
          const want = differences([...inputs.query], (query) => lossOf(query, inputs), h);
          const error =
            ((16 / 6) * h ** 2) / shape.temperature ** 3 + (1e-14 * (1 + 2 / shape.temperature)) / h;
          const { dQueryBound } = reference(inputs);
          expectClose(
            'dQuery',
            dQuery,
            want,
            dQueryBound.map((bound) => bound + error),
          );
        }),
        { numRuns: 60 / fewer },
      ));

    it('through l2norm is that of central differences, and has no part along the embedding', () =>
      fc.assert(
        fc.asyncProperty(shapes, (shape) =>
          withArrays(kernels, async (put) => {
            const { random, ...inputs } = inputsOf(shape);
            const { dim, temperature } = shape;
            const x = normals(dim, random, 3);
            const size = Math.hypot(...x);
            fc.pre(size > 0.5);
            const [y, norm, dy, dx] = [dim, 1, dim, dim].map((length) => put(new Float32Array(length)));
            kernels.l2norm({ x: put(x), y: y!, norm: norm!, rows: 1, dim });
            const [loss, rank] = [put([0]), put([0])];
            const arrays = { query: y!, key: put(inputs.key), queue: put(inputs.queue), dQuery: dy! };
            kernels.infonce({ ...inputs, ...arrays, loss, rank });
            kernels.l2normBackward({ y: y!, norm: norm!, dy: dy!, dx: dx!, rows: 1, dim });
            const [unitRow, gradient, got] = [
              await kernels.read(y!),
              await kernels.read(dy!),
              await kernels.read(dx!),
            ];
            const length = Math.hypot(...gradient) / size;
            // y is a unit row within unitError, y·dy and the last three steps have bounds of their own.
            const rounding =
              4 * L2NORM_BOUNDS[accuracy.backend].unitError(dim) +
              Math.sqrt(dim) * L2NORM_BACKWARD_BOUNDS[accuracy.backend].projectionError(dim) +
              20 * U;
            const along = got.reduce((sum, value, c) => sum + value * unitRow[c]!, 0);
            expect(Math.abs(along)).toBeLessThanOrEqual(rounding * length + 1e-30);
            // dQuery itself is along y wherever the logits move together: only its part across y is the gradient of x.
            const h = 1e-5 * temperature * size;
            const want = differences([...x], (values) => lossOf(unit(values), inputs), h);
            // dQuery's own error and what a wrong ulp of y moves it by, both over the norm; then those of the differences.
            const { dQueryBound } = reference({ ...inputs, query: unitRow });
            const moved = (4 / temperature ** 2) * L2NORM_BOUNDS[accuracy.backend].unitError(dim);
            const own = (Math.hypot(...dQueryBound) + moved) / size + rounding * length;
            const differencing =
              ((82 / 6) * h ** 2) / (temperature * size) ** 3 + (1e-14 * (1 + 2 / temperature)) / h;
            expectClose('dx', got, want, own + differencing);
          }),
        ),
        { numRuns: 60 / fewer },
      ));

    it('does not depend on the order of the queue, nor does the loss', () =>
      fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          const { random, ...inputs } = inputsOf(shape);
          const { dim, queueSize, queue } = inputs;
          const order = Array.from({ length: queueSize }, (_, j) => [random(), j] as const)
            .sort(([a], [b]) => a - b)
            .map(([, j]) => j);
          const other = Float32Array.from(
            queue,
            (_, i) => queue[order[Math.floor(i / dim)]! * dim + (i % dim)]!,
          );
          const [a, b] = [
            await runInfoNce(kernels, inputs),
            await runInfoNce(kernels, { ...inputs, queue: other }),
          ];
          const { lossBound, dQueryBound } = reference(inputs);
          const twice = (bounds: Float64Array) => bounds.map((bound) => 2 * bound);
          expectClose('rank', b.rank, a.rank, 0);
          expectClose('loss', b.loss, a.loss, twice(lossBound));
          expectClose('dQuery', b.dQuery, a.dQuery, twice(dQueryBound));
        }),
        { numRuns: 40 / fewer },
      ));
  });
});
