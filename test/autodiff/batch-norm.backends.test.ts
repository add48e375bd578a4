import { describe, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { expectClose } from '../compare.ts';
import { batchNorm } from './reference.ts';
import { dynamic, exact, expectSum, inEveryPlace, type Place, random, run } from './run.ts';

const EPSILON = 1e-5;

async function normalize(x: Values, place: Place, isDynamic: boolean) {
  const channels = x.shape[1]!;
  const inputs = new Map([
    ['x', x],
    ['gamma', random([channels], 31, 0.5, 1)],
    ['beta', random([channels], 32)],
  ]);
  const dy = random(x.shape, 33);
  const g = new GraphBuilder('bn', 'e');
  g.input('x', isDynamic ? dynamic(x.shape) : x.shape);
  for (const name of ['gamma', 'beta', 'mean', 'var']) g.input(name, [channels]);
  const attributes = { epsilon: { float: EPSILON } };
  g.op('BatchNormalization', ['x', 'gamma', 'beta', 'mean', 'var'], attributes, 'y');
  g.output('y', isDynamic ? dynamic(x.shape) : x.shape);
  const { outputs, gradients, gradient } = await run(g.build(), place, inputs, new Map([['y', dy]]));
  const [statistics] = gradient.statistics;
  const [gamma, beta] = ['gamma', 'beta'].map((name) => exact(inputs.get(name)!));
  const expected = batchNorm(exact(x), gamma!, beta!, EPSILON);
  return {
    actual: {
      y: outputs.get('y')!,
      mean: outputs.get(statistics!.mean)!,
      variance: outputs.get(statistics!.variance)!,
      dx: gradients.get('x')!,
      dGamma: gradients.get('gamma')!,
      dBeta: gradients.get('beta')!,
    },
    expected: { ...expected, ...expected.backward(exact(dy)) },
  };
}

inEveryPlace((place) => {
  describe.each([false, true])('training BatchNorm, dynamic batch: %s', (isDynamic) => {
    it.each([[[3, 4, 5, 7]], [[2, 1, 3, 2]], [[1, 3, 4, 5]], [[2, 2, 1, 1]]])('%j', async (shape) => {
      const { actual, expected } = await normalize(random(shape, 30, 2, 0.7), place, isDynamic);
      const count = shape[0]! * shape[2]! * shape[3]!;
      // A sum of `count` terms after each of them was centered (one more rounding, relative to |x| + |mean|, a few times
      // the deviation here) and scaled by r = 1/√(v + ε): the sum's own bound with 16 roundings besides.
      // On WebGPU three quotients and three roots in the longest of them, −γ·s₂/(M·σ³), are 5u and 9u off instead of u.
      const besides = place.session.provider === 'webgpu' ? 16 + 3 * (4 + 8) : 16;
      for (const name of ['mean', 'variance', 'y', 'dBeta', 'dGamma', 'dx'] as const) {
        expectSum(name, actual[name], expected[name], count + besides);
      }
    });

    it('mean 100, deviation 0.01: the variance does not cancel', async () => {
      const shape = [4, 2, 6, 5];
      const { actual, expected } = await normalize(random(shape, 34, 0.01, 100), place, isDynamic);
      // x − m is exact for m near x (Sterbenz). m itself comes from sums of 5, 6 and 4 terms and a product with a rounded
      // 1/count: it is off by at most d = (4 + 5 + 3 + 2)·2⁻²⁴·100 = 8.4e-5, which is measured again from the centered
      // values. The variance keeps d²: 7e-5 of σ² = 1e-4, and the roundings of its own sum; without centring, E[x²] − m²
      // would be off by 2⁻²⁴·100² = 6e-4, six times the variance itself.
      const scaled = (values: Float64Array, fraction: number) =>
        values.map((value) => fraction * Math.abs(value));
      expectClose('mean', actual.mean.data, expected.mean.data, 2 ** -24 * 100);
      expectClose(
        'variance',
        actual.variance.data,
        expected.variance.data,
        scaled(expected.variance.data, 1e-4),
      );
      expectClose('y', actual.y.data, expected.y.data, scaled(expected.y.magnitude, 1e-4), shape);
      expectSum('dBeta', actual.dBeta, expected.dBeta, 120);
      // The gradients take Σ dy·c with d still in c: d/σ = 8.4e-3 of Σ|dy|, whose terms are 0.8 times smaller with |c|/σ.
      expectClose(
        'dGamma',
        actual.dGamma.data,
        expected.dGamma.data,
        scaled(expected.dGamma.magnitude, 1.1e-2),
      );
      expectClose('dx', actual.dx.data, expected.dx.data, scaled(expected.dx.magnitude, 1.1e-2), shape);
    });
  });
});
