/**
 * Gradients where the derivative does not exist or a formula meets 0·∞: the numbers are PyTorch's, from the formulas of
 * its tools/autograd/derivatives.yaml and its documentation.
 */
import { describe, expect, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { type Attributes, GraphBuilder } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { expectClose } from '../compare.ts';
import { inEveryPlace, run } from './run.ts';

const { POSITIVE_INFINITY: INF } = Number;

interface Convention {
  readonly what: string;
  build(g: GraphBuilder, inputs: readonly string[]): string;
  /** One row of numbers for each input; dy is 1 everywhere unless it is given. */
  readonly inputs: readonly (readonly number[])[];
  readonly dy?: readonly number[];
  readonly y?: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

const node =
  (op: string, attributes: Attributes = {}) =>
  (g: GraphBuilder, inputs: readonly string[]) =>
    g.op(op, inputs, attributes);
const alpha = (value: number): Attributes => ({ alpha: { float: value } });
const rows = { axes: [0], keepdims: 1 };

const CONVENTIONS: readonly Convention[] = [
  { what: 'Relu at 0: 0', build: node('Relu'), inputs: [[0, 1e-20]], gradients: [[0, 1]] },
  {
    what: 'LeakyRelu at 0: the slope',
    build: node('LeakyRelu', alpha(0.25)),
    inputs: [[0, 1e-20, -1e-20]],
    gradients: [[0.25, 1, 0.25]],
  },
  {
    what: 'PRelu at 0: the slope, which gets none',
    build: node('PRelu'),
    inputs: [
      [0, 2, -2],
      [0.25, 0.25, 0.25],
    ],
    gradients: [
      [0.25, 1, 0.25],
      [0, 0, -2],
    ],
  },
  {
    what: 'Elu at 0: α',
    build: node('Elu', alpha(0.5)),
    inputs: [[0, 200, -200]],
    y: [0, 200, -0.5],
    gradients: [[0.5, 1, 0]],
  },
  {
    what: 'HardSigmoid where it stops to rise: 0',
    build: node('HardSigmoid', { ...alpha(0.25), beta: { float: 0.5 } }),
    inputs: [[-2, 2, 0, -200, 200]],
    gradients: [[0, 0, 0.25, 0, 0]],
  },
  {
    what: 'HardSwish far away: 0 and 1',
    build: node('HardSwish'),
    inputs: [[-1e6, 1e6, 0]],
    gradients: [[0, 1, 0.5]],
  },
  {
    what: 'Sigmoid, Tanh and Softplus far away',
    build: (g, [x = '']) =>
      g.op('Add', [g.op('Add', [g.op('Sigmoid', [x]), g.op('Tanh', [x])]), g.op('Softplus', [x])]),
    inputs: [[-200, 200]],
    y: [-1, 202],
    gradients: [[0, 1]],
  },
  {
    what: 'Clip at its bounds: 1',
    build: (g, [x = '']) => g.op('Clip', [x, g.scalar(-1), g.scalar(2)]),
    inputs: [[-1, 2, -1.5, 2.5, 0]],
    gradients: [[1, 1, 0, 0, 1]],
  },
  {
    what: 'Clip by bounds that are values: they get what they cut off',
    build: (g, [x = '', low = '', high = '']) =>
      g.op('Clip', [
        x,
        g.op('ReduceSum', [low], { keepdims: 0 }),
        g.op('ReduceSum', [high], { keepdims: 0 }),
      ]),
    inputs: [[-1, 2, -1.5, 2.5, 3, 0], [-1], [2]],
    dy: [1, 2, 4, 8, 16, 32],
    gradients: [[1, 2, 0, 0, 0, 32], [4], [24]],
  },
  { what: 'Abs at 0: 0', build: node('Abs'), inputs: [[0, -3, 3]], gradients: [[0, -1, 1]] },
  {
    what: 'Max of equal values: half each',
    build: node('Max'),
    inputs: [
      [1, 2, 0],
      [1, 3, -0],
    ],
    gradients: [
      [0.5, 0, 0.5],
      [0.5, 1, 0.5],
    ],
  },
  {
    what: 'Min of three, two equal',
    build: node('Min'),
    inputs: [
      [1, 2],
      [1, 3],
      [4, 1],
    ],
    gradients: [
      [0.5, 0],
      [0.5, 0],
      [0, 1],
    ],
  },
  {
    what: 'Where by Equal, and by what is not less or equal, at equal values',
    build: (g, [a = '', b = '']) => {
      const chosen = g.op('Where', [g.op('Equal', [a, b]), g.op('Mul', [a, g.scalar(4)]), b]);
      return g.op('Add', [chosen, g.op('Where', [g.op('Not', [g.op('LessOrEqual', [a, b])]), a, b])]);
    },
    inputs: [
      [1, 2],
      [1, 1],
    ],
    gradients: [
      [4, 1],
      [1, 1],
    ],
  },
  {
    what: 'Where: an infinity that is not chosen does no harm',
    build: (g, [a = '', b = '']) => g.op('Where', [g.op('Greater', [a, g.scalar(0)]), a, b]),
    inputs: [
      [1, -1],
      [INF, 2],
    ],
    dy: [3, 5],
    y: [1, 2],
    gradients: [
      [3, 0],
      [0, 5],
    ],
  },
  {
    what: 'ReduceMax: equal maxima share',
    build: node('ReduceMax', rows),
    inputs: [[2, 1, 2, 2]],
    dy: [3],
    gradients: [[1, 0, 1, 1]],
  },
  {
    what: 'ReduceMin: equal minima share',
    build: node('ReduceMin', rows),
    inputs: [[2, 1, 1, 2]],
    gradients: [[0, 0.5, 0.5, 0]],
  },
  { what: 'ReduceL1 at 0: 0', build: node('ReduceL1', rows), inputs: [[0, -2, 2]], gradients: [[0, -1, 1]] },
  {
    what: 'ReduceL2 of a vector of zeros: 0',
    build: node('ReduceL2', rows),
    inputs: [[0, 0]],
    gradients: [[0, 0]],
  },
  { what: 'ReduceL2', build: node('ReduceL2', rows), inputs: [[3, -4]], y: [5], gradients: [[0.6, -0.8]] },
  {
    what: 'ReduceLogSumExp of large values, and of −∞ beside them',
    build: node('ReduceLogSumExp', rows),
    inputs: [[1000, 1000, -INF]],
    y: [1000 + Math.log(2)],
    gradients: [[0.5, 0.5, 0]],
  },
  {
    what: 'Softmax with what a mask has made −∞',
    build: node('Softmax', { axis: 0 }),
    inputs: [[1, 1, -INF]],
    dy: [1, 0, 7],
    y: [0.5, 0.5, 0],
    gradients: [[0.25, -0.25, 0]],
  },
  {
    what: 'LogSoftmax of large values',
    build: node('LogSoftmax', { axis: 0 }),
    inputs: [[1000, 1000, -1000]],
    dy: [1, 0, 0],
    y: [-Math.log(2), -Math.log(2), -2000 - Math.log(2)],
    gradients: [[0.5, -0.5, 0]],
  },
  {
    what: 'Pow at base 0: 0 for exponent 0, 1 for 1, 0 above',
    build: node('Pow'),
    inputs: [
      [0, 0, 0],
      [0, 1, 3],
    ],
    y: [1, 0, 0],
    gradients: [
      [0, 1, 0],
      [0, 0, 0],
    ],
  },
  {
    what: 'Pow of negative bases to whole exponents',
    build: (g, [a = '']) => g.op('Add', [g.op('Pow', [a, g.scalar(3)]), g.op('Pow', [a, g.scalar(2)])]),
    inputs: [[-2, -1, 0, 2]],
    y: [-4, 0, 0, 12],
    gradients: [[8, 1, 0, 16]],
  },
  ...['Floor', 'Ceil', 'Round', 'Sign'].map(
    (op): Convention => ({
      what: `${op}: 0`,
      build: node(op),
      inputs: [[0, 1.5, -0.25]],
      gradients: [[0, 0, 0]],
    }),
  ),
  {
    what: 'Round: halves to even',
    build: node('Round'),
    inputs: [[0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, -0.50000006, 1e7, -2.4, 2.6]],
    y: [0, 2, 2, 0, -2, 0, -1, 1e7, -2, 3],
    gradients: [new Array<number>(10).fill(0)],
  },
  { what: 'Sign', build: node('Sign'), inputs: [[0, 2, -2]], y: [0, 1, -1], gradients: [[0, 0, 0]] },
];

const vector = (data: readonly number[]): Values => ({
  shape: [data.length],
  data: Float32Array.from(data),
});

/** Operations in float32 between the numbers above: some roundings, and exponentials within 30 of them. */
const close = (what: string, actual: Values | undefined, expected: readonly number[]) => {
  const tolerance = expected.map((x) => 40 * 2 ** -24 * Math.abs(x));
  expectClose(what, actual!.data, expected, tolerance);
};

inEveryPlace((place) => {
  describe('conventions', () => {
    it.each(CONVENTIONS)('$what', async ({ build, inputs, dy, y, gradients }) => {
      const g = new GraphBuilder('convention', 'e');
      const names = inputs.map((data, i) => g.input(`x${i}`, [data.length]));
      g.op('Identity', [build(g, names)], {}, 'y');
      const shape = inferShapes(g.build()).get('y')!;
      g.output('y', shape);
      const values = new Map(inputs.map((data, i) => [`x${i}`, vector(data)]));
      const given = vector(dy ?? new Array<number>(Number(shape[0])).fill(1));
      const found = await run(g.build(), place, values, new Map([['y', given]]));
      if (y) close('y', found.outputs.get('y'), y);
      gradients.forEach((expected, i) => {
        close(`gradient of input ${i}`, found.gradients.get(`x${i}`), expected);
      });
    });

    it('Pow below exponent 1 at base 0: an infinite gradient, or a huge one', async () => {
      const g = new GraphBuilder('root', 'e');
      g.input('x', [1]);
      g.op('Pow', ['x', g.scalar(0.5)], {}, 'y');
      g.output('y', [1]);
      const inputs = new Map([['x', vector([0])]]);
      const { gradients } = await run(g.build(), place, inputs, new Map([['y', vector([1])]]));
      // WGSL lets powers be computed by log2 and exp2, and leaves log2(0) open: SwiftShader's is about −126.
      expect(gradients.get('x')!.data[0]).toBeGreaterThan(2 ** 61);
    });

    it.each([
      [
        [2, 3, 4],
        [3, 1],
      ],
      [
        [3, 1],
        [2, 3, 4],
      ],
      [
        [2, 3, 1],
        [2, 1, 8],
      ],
    ])('Pow of [%s] and [%s], which WebGPU takes by four', async (base, exponent) => {
      const shapes = [base, exponent];
      const g = new GraphBuilder('power', 'e');
      const names = shapes.map((shape, i) => g.input(`x${i}`, shape));
      g.op('Pow', names, {}, 'y');
      const shape = inferShapes(g.build()).get('y')!.map(Number);
      g.output('y', shape);
      const filled = (sizes: readonly number[], value: number): Values => {
        const length = sizes.reduce((product, n) => product * n, 1);
        return { shape: sizes, data: new Float32Array(length).fill(value) };
      };
      const inputs = new Map(shapes.map((sizes, i) => [`x${i}`, filled(sizes, i + 2)]));
      const dy = new Map([['y', filled(shape, 1)]]);
      const { outputs, gradients } = await run(g.build(), place, inputs, dy);
      const length = outputs.get('y')!.data.length;
      close('y', outputs.get('y'), new Array<number>(length).fill(8));
      [12, 8 * Math.log(2)].forEach((slope, i) => {
        const count = inputs.get(`x${i}`)!.data.length;
        close(
          `gradient ${i}`,
          gradients.get(`x${i}`),
          new Array<number>(count).fill((slope * length) / count),
        );
      });
    });
  });
});
