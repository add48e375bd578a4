import { describe, expect, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { type Dim, GraphBuilder } from '../../src/onnx/graph.ts';
import { expectSameBits } from '../compare.ts';
import {
  from,
  type Geometry,
  gemm,
  globalAveragePool,
  globalAveragePoolBackward,
  maxPool,
  relu,
  reluBackward,
} from './reference.ts';
import { dynamic, exact, expectSum, inEveryPlace, random, run } from './run.ts';

inEveryPlace((place) => {
  describe.each([false, true])('dynamic batch: %s', (isDynamic) => {
    const sizes = (shape: readonly number[]): readonly Dim[] => (isDynamic ? dynamic(shape) : shape);

    describe('max-pool', () => {
      const pool = async (x: Values, kernel: [number, number], geometry: Geometry) => {
        const { y, backward } = maxPool(exact(x), kernel, geometry);
        const dy = random(y.shape, 5);
        const g = new GraphBuilder('pool', 'e');
        g.input('x', sizes(x.shape));
        g.op('MaxPool', ['x'], { kernel_shape: kernel, ...geometry }, 'y');
        g.output('y', sizes(y.shape));
        const { outputs, gradients } = await run(g.build(), place, new Map([['x', x]]), new Map([['y', dy]]));
        expectSum('y', outputs.get('y'), y, 0);
        expectSum('dx', gradients.get('x'), backward(exact(dy)), kernel[0] * kernel[1]);
      };

      it.each<[string, number[], [number, number], Geometry]>([
        ['3×3 stride 2 padded, odd', [2, 3, 7, 9], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
        ['3×3 stride 2 padded, even', [1, 2, 8, 6], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
        ['3×3 stride 1 unpadded', [3, 1, 5, 4], [3, 3], { strides: [1, 1], pads: [0, 0, 0, 0] }],
        ['2×2 stride 2, a row left over', [2, 2, 5, 6], [2, 2], { strides: [2, 2], pads: [0, 0, 0, 0] }],
        ['1×2, strides 3×1, uneven pads', [1, 2, 7, 3], [1, 2], { strides: [3, 1], pads: [0, 1, 0, 0] }],
      ])('%s', async (_, shape, kernel, geometry) => {
        await pool(random(shape, 6, 3), kernel, geometry);
        // Only negative values: padding, which counts as −∞, must never win.
        await pool(random(shape, 7, 0.1, -50), kernel, geometry);
      });

      it('of ties, the first maximum in row-major order takes the gradient', async () => {
        const x = random([2, 3, 7, 9], 8);
        const geometry: Geometry = { strides: [2, 2], pads: [1, 1, 1, 1] };
        // Three different values: nearly every window has its maximum more than once.
        await pool(
          { ...x, data: x.data.map((value) => Math.max(-1, Math.min(1, Math.round(value)))) },
          [3, 3],
          geometry,
        );
        await pool({ ...x, data: x.data.map(() => 0) }, [3, 3], geometry);
        await pool({ ...x, data: x.data.map(() => -2) }, [3, 3], { strides: [1, 1], pads: [1, 1, 1, 1] });
      });
    });

    it.each([[[2, 3, 5, 7]], [[1, 1, 1, 1]], [[3, 2, 1, 4]]])(
      'global average pool and flatten of %j',
      async (shape) => {
        const x = random(shape, 9);
        const y = globalAveragePool(exact(x));
        const flat = [shape[0]!, shape[1]!];
        const dy = random(flat, 10);
        const g = new GraphBuilder('pool', 'e');
        g.input('x', sizes(shape));
        g.op('Flatten', [g.op('GlobalAveragePool', ['x'])], { axis: 1 }, 'y');
        g.output('y', sizes(flat));
        const { outputs, gradients } = await run(g.build(), place, new Map([['x', x]]), new Map([['y', dy]]));
        expectSum('y', outputs.get('y'), { ...y, shape: flat }, shape[2]! * shape[3]!);
        expectSum('dx', gradients.get('x'), globalAveragePoolBackward(shape, exact(dy)), 1);
      },
    );

    it.each([
      [3, 5, 2, true, true],
      [3, 5, 2, false, true],
      [1, 1, 1, true, false],
      [2, 4, 7, false, false],
    ] as const)('gemm %i×%i×%i, transB %s, bias %s', async (rows, inner, outputs, transposed, bias) => {
      const inputs = new Map<string, Values>([
        ['x', random([rows, inner], 11)],
        ['w', random(transposed ? [outputs, inner] : [inner, outputs], 12)],
      ]);
      if (bias) inputs.set('b', random([outputs], 13));
      const [x, w, b] = ['x', 'w', 'b'].map((name) => (inputs.has(name) ? exact(inputs.get(name)!) : null));
      const expected = gemm(x!, w!, b ?? null, transposed);
      const dy = random([rows, outputs], 14);
      const g = new GraphBuilder('gemm', 'e');
      for (const [name, { shape }] of inputs) g.input(name, name === 'x' ? sizes(shape) : shape);
      g.op('Gemm', [...inputs.keys()], transposed ? { transB: 1 } : {}, 'y');
      g.output('y', sizes([rows, outputs]));
      const found = await run(g.build(), place, inputs, new Map([['y', dy]]));
      expectSum('y', found.outputs.get('y'), expected.y, inner + 1);
      const { dx, dw, db } = expected.backward(exact(dy));
      expectSum('dx', found.gradients.get('x'), dx, outputs);
      expectSum('dw', found.gradients.get('w'), dw, rows);
      if (bias) expectSum('db', found.gradients.get('b'), db, rows);
    });

    it('relu passes the gradient where its input is above 0, however small, and nowhere else', async () => {
      const values = [0, -0, 1e-30, -1e-30, 1e-20, 1e7, -1e7, 1, -1, 0.5, 3, -2];
      const x: Values = { shape: [2, 2, 3], data: Float32Array.from(values) };
      const dy = random(x.shape, 15);
      const g = new GraphBuilder('relu', 'e');
      g.input('x', sizes(x.shape));
      g.op('Relu', ['x'], {}, 'y');
      g.output('y', sizes(x.shape));
      const { outputs, gradients } = await run(g.build(), place, new Map([['x', x]]), new Map([['y', dy]]));
      expectSum('y', outputs.get('y'), relu(exact(x)), 0);
      // Adding 0 makes −0 positive: the sign of a zero does not matter.
      const expected = reluBackward(exact(x), exact(dy)).data;
      expectSameBits(
        'dx',
        gradients.get('x')!.data.map((value) => value + 0),
        Float32Array.from(expected, (value) => value + 0),
      );
    });

    it('gradients that meet at a value are added', async () => {
      // y = ((x + x) + relu(x)) + (z + x): x counts four times where it is positive, three times elsewhere.
      const shape = [2, 3, 1, 2];
      const inputs = new Map([
        ['x', random(shape, 16)],
        ['z', random(shape, 17)],
      ]);
      const dy = random(shape, 18);
      const g = new GraphBuilder('fan', 'e');
      for (const name of inputs.keys()) g.input(name, sizes(shape));
      const left = g.op('Add', [g.op('Add', ['x', 'x']), g.op('Relu', ['x'])]);
      g.op('Add', [left, g.op('Identity', [g.op('Add', ['z', 'x'])])], {}, 'y');
      g.output('y', sizes(shape));
      const { gradients } = await run(g.build(), place, inputs, new Map([['y', dy]]));
      const x = inputs.get('x')!.data;
      const expected = Float64Array.from(dy.data, (d, i) => d * (x[i]! > 0 ? 4 : 3));
      expectSum('dx', gradients.get('x'), from(shape, expected), 4);
      expectSameBits('dz', gradients.get('z')!.data, dy.data);
    });

    it('an output that goes on into the graph adds what it is given', async () => {
      const shape = [2, 3];
      const x = random(shape, 19);
      const [dHidden, dy] = [random(shape, 20), random(shape, 21)];
      const g = new GraphBuilder('two', 'e');
      g.input('x', sizes(shape));
      g.op('Identity', ['x'], {}, 'hidden');
      g.op('Relu', ['hidden'], {}, 'y');
      for (const name of ['hidden', 'y']) g.output(name, sizes(shape));
      const dOutputs = new Map([
        ['hidden', dHidden],
        ['y', dy],
      ]);
      const { gradients } = await run(g.build(), place, new Map([['x', x]]), dOutputs);
      const expected = dHidden.data.map((d, i) => d + (x.data[i]! > 0 ? dy.data[i]! : 0));
      expectSum('dx', gradients.get('x'), from(shape, expected), 2);
    });
  });

  it('an initializer can be differentiated by', async () => {
    const x = random([2, 3], 22);
    const w = random([4, 3], 23);
    const dy = random([2, 4], 24);
    const g = new GraphBuilder('constant', 'e');
    g.input('x', [2, 3]);
    g.constant('w', { type: 'float32', shape: [4, 3], data: w.data });
    g.op('Gemm', ['x', 'w'], { transB: 1 }, 'y');
    g.output('y', [2, 4]);
    const inputs = new Map([['x', x]]);
    const { gradients } = await run(g.build(), place, inputs, new Map([['y', dy]]), ['w', 'x']);
    const { dx, dw } = gemm(exact(x), exact(w), null, true).backward(exact(dy));
    expectSum('dx', gradients.get('x'), dx, 4);
    expectSum('dw', gradients.get('w'), dw, 2);
    expect([...gradients.keys()]).toEqual(['w', 'x']);
  });
});
