/** conv-weight-gradient.wgsl, conv-weight-gradient-sums.wgsl: the gradient of a convolution's weights. */
import { CONV_TILE_NAMES, type ConvTile } from '../../kernels/conv-tiles.ts';
import { type ConvolutionShape, matrixOf } from '../../kernels/convolution-shape.ts';
import type { KernelCases } from '../case.ts';
import { uniforms } from '../inputs.ts';
import { convWeightGradientReference } from '../references/conv-weight-gradient.ts';
import type { Trial } from '../trial.ts';
import { type Given, shapeOf } from './convolution-shapes.ts';
import { withEachNotFinite } from './not-finite.ts';

interface Inputs {
  shape: ConvolutionShape;
  x: Float32Array;
  dy: Float32Array;
}

function inputsOf({ random }: Trial, given: Given, sizes: readonly [number, number] = [1, 1]): Inputs {
  const shape = shapeOf(given);
  const { batch, channels, height, width, filters, outHeight, outWidth } = shape;
  const x = uniforms(batch * channels * height * width, random, sizes[0]);
  return { shape, x, dy: uniforms(batch * filters * outHeight * outWidth, random, sizes[1]) };
}

/** Into what is there: NaN where nothing is, so that whatever is left out shows. */
async function run(
  trial: Trial,
  { shape, x, dy }: Inputs,
  before: Float32Array | null = null,
  tile?: ConvTile,
) {
  const { filters, columns } = matrixOf(shape);
  const nothing = new Float32Array(shape.groups * filters * columns).fill(Number.NaN);
  const gradient = trial.put(before ?? nothing);
  trial.kernels.convWeightGradient({
    ...shape,
    ...{ x: trial.put(x), dy: trial.put(dy), gradient, add: before !== null, tile },
  });
  return trial.read(gradient);
}

async function check(trial: Trial, inputs: Inputs): Promise<void> {
  const { shape, x, dy } = inputs;
  const want = convWeightGradientReference(x, dy, shape, trial.accuracy);
  const dimensions = [shape.filters, shape.channels / shape.groups, ...shape.kernel];
  trial.close('gradient', await run(trial, inputs), want.exact, want.bound, dimensions);
}

const of =
  (given: Given, sizes?: readonly [number, number]) =>
  (trial: Trial): Promise<void> =>
    check(trial, inputsOf(trial, given, sizes));

const THREE: Given = { kernel: [3, 3], pads: [1, 1, 1, 1] };
const SMALL: Given = { ...THREE, batch: 3, channels: 5, height: 6, width: 7, filters: 10 };

/** What is added has the bits of the gradient by itself. */
const adds = (given: Given) => async (trial: Trial) => {
  const inputs = inputsOf(trial, given);
  const alone = await run(trial, inputs);
  const before = uniforms(alone.length, trial.random, 8);
  const got = await run(trial, inputs, before);
  trial.bits(
    'gradient',
    got,
    before.map((value, i) => value + alone[i]!),
  );
  const { x, dy, shape } = inputs;
  const want = convWeightGradientReference(x, dy, shape, trial.accuracy, before);
  trial.close('gradient near float64', got, want.exact, want.bound);
};

/** Whatever tile computes it, of filters and columns that fill none of them, and of groups. */
async function tiles(trial: Trial): Promise<void> {
  const large = { ...THREE, batch: 2, channels: 15, height: 4, width: 5, filters: 66 };
  for (const given of [large, { ...SMALL, channels: 6, filters: 18, groups: 3 }]) {
    const inputs = inputsOf(trial, given);
    const want = await run(trial, inputs);
    for (const tile of CONV_TILE_NAMES) trial.bits(tile, await run(trial, inputs, null, tile), want);
  }
}

/** Zeros of dy, and of x: the sum is 0. */
async function zeros(trial: Trial): Promise<void> {
  const { shape, x, dy } = inputsOf(trial, SMALL);
  for (const inputs of [
    { shape, x, dy: dy.map(() => 0) },
    { shape, x: x.map(() => 0), dy },
  ]) {
    trial.close('gradient', await run(trial, inputs), [0], 0);
  }
}

/** A bad value of x spoils its channel, one of dy its filter; the gate sees it, and all others are right. */
async function notFinite(trial: Trial): Promise<void> {
  const { shape, x, dy } = inputsOf(trial, SMALL);
  const { filters, columns } = matrixOf(shape);
  const want = await run(trial, { shape, x, dy });
  const plane = shape.height * shape.width;
  const [channel, filter] = [2, 7];
  for (const spoiled of ['x', 'dy'] as const) {
    const [values, at] = spoiled === 'x' ? [x, channel * plane + 17] : [dy, filter * plane + 17];
    await withEachNotFinite(trial, values, at, async (bad, name) => {
      const gradient = trial.zeros(filters * columns);
      const given = { x: spoiled === 'x' ? bad : trial.put(x), dy: spoiled === 'dy' ? bad : trial.put(dy) };
      trial.kernels.convWeightGradient({ ...shape, ...given, gradient, add: false });
      const got = await trial.read(gradient);
      const isSpoiled = (i: number) =>
        spoiled === 'x' ? Math.floor((i % columns) / 9) === channel : Math.floor(i / columns) === filter;
      const others = (array: Float32Array) => array.filter((_, i) => !isSpoiled(i));
      trial.bits(`others than ${name} in ${spoiled}`, others(got), others(want));
      // The middle tap sees every pixel.
      const middle = got.filter((_, i) => isSpoiled(i) && i % 9 === 4);
      trial.that(
        `the weights of ${name} in ${spoiled}`,
        middle.every((value) => !Number.isFinite(value)),
      );
    });
  }
}

export const convWeightGradient: KernelCases = [
  ['one product', of({})],
  ['1 × 1', of({ batch: 3, channels: 5, height: 7, width: 7, filters: 11 })],
  ['1 × 1, stride 2', of({ batch: 2, channels: 6, height: 9, width: 8, filters: 9, strides: [2, 2] })],
  ['3 × 3', of(SMALL)],
  ['3 × 3, no pads', of({ ...SMALL, pads: [0, 0, 0, 0] })],
  ['3 × 3, stride 2', of({ ...SMALL, height: 9, width: 8, strides: [2, 2] })],
  [
    '7 × 7, stride 2',
    of({
      ...{ batch: 2, channels: 3, height: 19, width: 22, filters: 9 },
      ...{ kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
    }),
  ],
  [
    'all numbers unlike each other',
    of({
      ...{ batch: 2, channels: 4, height: 12, width: 17, filters: 6, kernel: [2, 3], groups: 2 },
      ...{ strides: [3, 2], pads: [1, 2, 4, 0], dilations: [4, 3] },
    }),
  ],
  ['pads of one side', of({ ...SMALL, pads: [0, 2, 0, 0] })],
  ['pads beyond what is seen', of({ ...SMALL, height: 3, width: 2, kernel: [2, 2], pads: [5, 4, 3, 6] })],
  ['a kernel of the size of the image', of({ ...SMALL, kernel: [6, 7], pads: [0, 0, 0, 0] })],
  ['an even kernel', of({ ...SMALL, kernel: [4, 2], pads: [1, 0, 2, 1] })],
  ['1-D', of({ batch: 3, channels: 4, width: 37, filters: 5, kernel: [1, 5], pads: [0, 2, 0, 2] })],
  [
    '1-D, 1300 pixels',
    of({ batch: 2, channels: 2, width: 1300, filters: 3, kernel: [1, 3], pads: [0, 1, 0, 1] }),
  ],
  ['1-D, 1300 pixels, no pads', of({ batch: 2, channels: 2, width: 1300, filters: 3, strides: [1, 2] })],
  ['rows of 41 × 39', of({ ...THREE, batch: 2, channels: 2, height: 41, width: 39, filters: 3 })],
  ['rows of 41 × 39, 1 × 1', of({ batch: 2, channels: 3, height: 41, width: 39, filters: 3 })],
  [
    'rows of 40 × 20, 1 × 1, stride 2',
    of({ batch: 2, channels: 3, height: 79, width: 39, filters: 3, strides: [2, 2] }),
  ],
  ['69 images of 4 × 4', of({ ...THREE, batch: 69, channels: 3, height: 4, width: 4, filters: 8 })],
  ['69 images of 4 × 4, 1 × 1', of({ batch: 69, channels: 3, height: 4, width: 4, filters: 8 })],
  ...[1, 4, 7, 8, 9, 13, 33, 47, 49, 66].map(
    (filters) => [`${filters} filters`, of({ ...SMALL, batch: 1, filters })] as const,
  ),
  ...[1, 2, 3, 4, 31, 33, 130].map(
    (channels) =>
      [`${channels} channels`, of({ batch: 2, channels, height: 3, width: 5, filters: 14 })] as const,
  ),
  ['2 groups, 1 × 1', of({ batch: 3, channels: 6, height: 5, width: 5, filters: 8, groups: 2 })],
  ['2 groups', of({ ...SMALL, channels: 6, filters: 18, groups: 2 })],
  ['5 groups of one channel', of({ ...SMALL, filters: 10, groups: 5 })],
  ['depthwise', of({ ...SMALL, channels: 37, filters: 37, groups: 37 })],
  ['depthwise, no pads', of({ ...SMALL, channels: 9, filters: 9, groups: 9, pads: [0, 0, 0, 0] })],
  [
    'depthwise, 1-D, 1300 pixels',
    of({
      ...{ batch: 2, channels: 3, width: 1300, filters: 3, groups: 3 },
      kernel: [1, 3],
      pads: [0, 1, 0, 1],
    }),
  ],
  [
    'depthwise, 69 images',
    of({ ...THREE, batch: 69, channels: 8, height: 4, width: 4, filters: 8, groups: 8 }),
  ],
  ['depthwise, stride 2', of({ ...SMALL, channels: 5, filters: 5, groups: 5, strides: [2, 2] })],
  ['x of 2^40, dy of 2^-70', of(SMALL, [2 ** 40, 2 ** -70])],
  ['products that are denormal', of(SMALL, [2 ** -70, 2 ** -72])],
  ['added', adds(SMALL)],
  ['added, of many parts', adds({ ...THREE, batch: 3, channels: 2, height: 41, width: 23, filters: 5 })],
  ['added, of groups', adds({ ...SMALL, channels: 6, filters: 18, groups: 3 })],
  ['tiles', tiles],
  ['zeros', zeros],
  ['not finite', notFinite],
];
