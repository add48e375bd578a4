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
  readonly pads?: readonly [number, number, number, number];
  readonly bias?: boolean;
  /**
   * On WebGPU each case compiles shaders of its own, which takes long: there it is run with the batch fixed, unless this
   * says with a dynamic one too, or that other cases see as much.
   */
  readonly onGpu?: 'both' | 'none';
  /** Takes seconds: only in the lowering that it is about. */
  readonly large?: boolean;
}

const PADDED = { pads: [1, 1, 1, 1] } as const;

const CASES: readonly Case[] = [
  { what: '1×1', x: [2, 3, 5, 7], w: [4, 3, 1, 1], onGpu: 'both' },
  { what: '1×1 stride 2, odd', x: [3, 4, 7, 5], w: [2, 4, 1, 1], strides: [2, 2] },
  {
    what: '1×1 stride 2, even: a row and a column that no window reaches',
    x: [1, 2, 6, 8],
    w: [3, 2, 1, 1],
    strides: [2, 2],
  },
  { what: '1×1 padded', x: [2, 2, 3, 4], w: [3, 2, 1, 1], pads: [1, 1, 1, 1], onGpu: 'none' },
  { what: '3×3 padded', x: [2, 3, 5, 7], w: [4, 3, 3, 3], pads: [1, 1, 1, 1] },
  { what: '3×3 unpadded', x: [1, 3, 6, 5], w: [2, 3, 3, 3] },
  {
    what: '3×3 with a bias',
    x: [3, 2, 4, 5],
    w: [3, 2, 3, 3],
    pads: [1, 1, 1, 1],
    bias: true,
    onGpu: 'none',
  },
  { what: '3×3 stride 2 padded, odd', x: [2, 3, 7, 9], w: [4, 3, 3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  {
    what: '3×3 stride 2 padded, even',
    x: [1, 2, 8, 6],
    w: [3, 2, 3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { what: '3×3 stride 2 unpadded, even', x: [2, 2, 8, 6], w: [3, 2, 3, 3], strides: [2, 2], onGpu: 'none' },
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

  // Channels that the WebGPU provider would take by three: forward, in the gradient of the input, in both.
  { what: '6 → 4 channels', x: [1, 6, 5, 7], w: [4, 6, 3, 3], ...PADDED, bias: true, onGpu: 'both' },
  { what: '9 → 8 channels, 1×1', x: [2, 9, 3, 5], w: [8, 9, 1, 1] },
  { what: '15 → 12 channels, stride 2', x: [1, 15, 5, 5], w: [12, 15, 3, 3], strides: [2, 2], ...PADDED },
  { what: '18 → 4 channels, 7×7', x: [1, 18, 7, 5], w: [4, 18, 7, 7], pads: [3, 3, 3, 3] },
  { what: '4 → 6 channels', x: [2, 4, 5, 3], w: [6, 4, 3, 3], ...PADDED },
  { what: '12 → 9 channels, 1×1', x: [1, 12, 5, 3], w: [9, 12, 1, 1] },
  { what: '4 → 15 channels, 7×7', x: [1, 4, 5, 7], w: [15, 4, 7, 7], pads: [3, 3, 3, 3] },
  { what: '8 → 18 channels, stride 2', x: [1, 8, 5, 7], w: [18, 8, 3, 3], strides: [2, 2], ...PADDED },

  // Pixels of a weight gradient on WebGPU, in parts of at most 256.
  { what: '7 · 35 pixels: all images in one part', x: [7, 2, 5, 7], w: [3, 2, 1, 1] },
  { what: '6 · 64 pixels: 3 images a part', x: [6, 2, 8, 8], w: [3, 2, 3, 3], ...PADDED, onGpu: 'both' },
  { what: '7 · 64 pixels: an image a part', x: [7, 2, 8, 8], w: [3, 2, 1, 1], onGpu: 'none' },
  {
    what: '3 · 360 pixels: 10 rows a part',
    x: [3, 2, 20, 18],
    w: [3, 2, 3, 3],
    ...PADDED,
    onGpu: 'both',
  },
  { what: '289 pixels: a row a part, as 17 is prime', x: [1, 3, 17, 17], w: [2, 3, 3, 3], ...PADDED },
  {
    what: '1021 pixels, 129 × 128 weights: one part',
    x: [1, 128, 1021, 1],
    w: [129, 128, 1, 1],
    large: true,
  },
];

inEveryPlace((place) => {
  describe.each([false, true])('convolution, dynamic batch: %s', (isDynamic) => {
    const isGpu = place.session.provider === 'webgpu';
    const cases = CASES.filter(({ onGpu = 'fixed', large }) => {
      if (large) return place.lowering === 'webgpu' && !isDynamic;
      return !isGpu || onGpu === 'both' || (onGpu === 'fixed' && !isDynamic);
    });
    it.each(cases)('$what', async ({ x: xShape, w: wShape, strides = [1, 1], pads = [0, 0, 0, 0], bias }) => {
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
