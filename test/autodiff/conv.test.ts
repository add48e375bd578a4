import { describe, it } from 'vitest';
import type { Values } from '../../src/encoder/run-gradient.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { conv, convBackward, type Geometry } from './reference.ts';
import { dynamic, exact, expectSum, inEveryPlace, random, run } from './run.ts';

interface Case {
  readonly what: string;
  /** [N, C, H, W] and [O, C, kh, kw] */
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly strides?: [number, number];
  readonly pads?: [number, number, number, number];
  readonly bias?: boolean;
}

const CASES: readonly Case[] = [
  { what: '1×1', x: [2, 3, 5, 7], w: [4, 3, 1, 1] },
  { what: '1×1 stride 2, odd', x: [3, 4, 7, 5], w: [2, 4, 1, 1], strides: [2, 2] },
  {
    what: '1×1 stride 2, even: a row and a column that no window reaches',
    x: [1, 2, 6, 8],
    w: [3, 2, 1, 1],
    strides: [2, 2],
  },
  { what: '1×1 padded', x: [2, 2, 3, 4], w: [3, 2, 1, 1], pads: [1, 1, 1, 1] },
  { what: '3×3 padded', x: [2, 3, 5, 7], w: [4, 3, 3, 3], pads: [1, 1, 1, 1] },
  { what: '3×3 unpadded', x: [1, 3, 6, 5], w: [2, 3, 3, 3] },
  { what: '3×3 with a bias', x: [3, 2, 4, 5], w: [3, 2, 3, 3], pads: [1, 1, 1, 1], bias: true },
  { what: '3×3 stride 2 padded, odd', x: [2, 3, 7, 9], w: [4, 3, 3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  {
    what: '3×3 stride 2 padded, even',
    x: [1, 2, 8, 6],
    w: [3, 2, 3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { what: '3×3 stride 2 unpadded, even', x: [2, 2, 8, 6], w: [3, 2, 3, 3], strides: [2, 2] },
  { what: '7×7 stride 2 padded', x: [2, 3, 11, 9], w: [2, 3, 7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
  { what: '7×7 stride 1 unpadded, one output', x: [2, 1, 7, 7], w: [3, 1, 7, 7] },
  { what: 'one channel in, one out', x: [1, 1, 4, 3], w: [1, 1, 3, 3], pads: [1, 1, 1, 1] },
  {
    what: '1×3 kernel, strides 2×1, uneven pads',
    x: [2, 2, 5, 6],
    w: [3, 2, 1, 3],
    strides: [2, 1],
    pads: [0, 1, 0, 2],
  },
  { what: '3×3 padded by more than its reach', x: [1, 2, 3, 3], w: [2, 2, 3, 3], pads: [3, 3, 3, 3] },
];

inEveryPlace((place) => {
  describe.each([false, true])('convolution, dynamic batch: %s', (isDynamic) => {
    it.each(CASES)('$what', async ({ x: xShape, w: wShape, strides = [1, 1], pads = [0, 0, 0, 0], bias }) => {
      const geometry: Geometry = { strides, pads };
      const inputs = new Map<string, Values>([
        ['x', random(xShape, 1)],
        ['w', random(wShape, 2)],
      ]);
      if (bias) inputs.set('b', random([wShape[0]!], 3));
      const [x, w, b] = ['x', 'w', 'b'].map((name) => (inputs.has(name) ? exact(inputs.get(name)!) : null));
      const y = conv(x!, w!, b ?? null, geometry);
      const dy = random(y.shape, 4);

      const g = new GraphBuilder('conv', 'e');
      g.input('x', isDynamic ? dynamic(xShape) : xShape);
      g.input('w', wShape);
      if (bias) g.input('b', [wShape[0]!]);
      g.op('Conv', [...inputs.keys()], { kernel_shape: wShape.slice(2), strides, pads }, 'y');
      g.output('y', isDynamic ? dynamic(y.shape) : y.shape);
      const { outputs, gradients } = await run(g.build(), place, inputs, new Map([['y', dy]]));

      const taps = wShape[2]! * wShape[3]!;
      const expected = convBackward(x!, w!, exact(dy), geometry);
      expectSum('y', outputs.get('y'), y, taps * xShape[1]! + 1);
      expectSum('dx', gradients.get('x'), expected.dx, taps * wShape[0]!);
      const positions = y.shape[0]! * y.shape[2]! * y.shape[3]!;
      expectSum('dw', gradients.get('w'), expected.dw, positions);
      if (bias) expectSum('db', gradients.get('b'), expected.db, positions);
    });
  });
});
