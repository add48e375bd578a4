/** conv-input-gradient.wgsl: the gradient of a convolution's input. */
import { type ConvolutionShape, matrixOf } from '../../kernels/convolution-shape.ts';
import type { KernelCases } from '../case.ts';
import { uniforms } from '../inputs.ts';
import { convInputGradientReference } from '../references/conv-input-gradient.ts';
import type { Trial } from '../trial.ts';
import { BEHIND, type Given, shapeOf } from './convolution-shapes.ts';
import { withEachNotFinite } from './not-finite.ts';

interface Inputs {
  shape: ConvolutionShape;
  dy: Float32Array;
  weight: Float32Array;
}

function inputsOf({ random }: Trial, given: Given, sizes: readonly [number, number] = [1, 1]): Inputs {
  const shape = shapeOf(given);
  const { batch, filters, outHeight, outWidth } = shape;
  const dy = uniforms(batch * filters * outHeight * outWidth, random, sizes[0]);
  return { shape, dy, weight: uniforms(filters * matrixOf(shape).columns, random, sizes[1]) };
}

/** Into NaN, so that whatever is left out shows. */
async function run(trial: Trial, { shape, dy, weight }: Inputs, given = trial.put(dy)) {
  const { batch, channels, height, width } = shape;
  const dx = trial.put(new Float32Array(batch * channels * height * width).fill(Number.NaN));
  // In the memory of wasm this lies behind dx.
  const behind = new Float32Array(BEHIND).fill(1);
  const after = trial.put(behind);
  trial.kernels.convInputGradient({ ...shape, dy: given, weight: trial.put(weight), dx });
  trial.bits('what lies behind dx', await trial.read(after), behind);
  return trial.read(dx);
}

const of =
  (given: Given, sizes?: readonly [number, number]) =>
  async (trial: Trial): Promise<void> => {
    const inputs = inputsOf(trial, given, sizes);
    const { shape, dy, weight } = inputs;
    const want = convInputGradientReference(dy, weight, shape, trial.accuracy);
    const dimensions = [shape.batch, shape.channels, shape.height, shape.width];
    trial.close('dx', await run(trial, inputs), want.exact, want.bound, dimensions);
  };

const SMALL: Given = {
  ...{ batch: 3, channels: 10, height: 6, width: 7, filters: 5 },
  ...{ kernel: [3, 3], pads: [1, 1, 1, 1] },
};
const STRIDED: Given = { ...SMALL, height: 9, width: 8, strides: [2, 2] };

/** A bad value of dy spoils the pixels that it was computed from, the gate sees it, and all others are right. */
async function notFinite(trial: Trial): Promise<void> {
  const inputs = inputsOf(trial, STRIDED);
  const want = await run(trial, inputs);
  const { height, width, channels, filters, outHeight, outWidth } = inputs.shape;
  // Filter 2 of image 1, row 3, column 2: rows 5 to 7 and columns 3 to 5.
  const at = (filters + 2) * outHeight * outWidth + 3 * outWidth + 2;
  await withEachNotFinite(trial, inputs.dy, at, async (bad, name) => {
    const got = await run(trial, inputs, bad);
    const isSpoiled = (i: number) => {
      const [image, pixel] = [Math.floor(i / (channels * height * width)), i % (height * width)];
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      return image === 1 && Math.abs(row - 6) < 2 && Math.abs(column - 4) < 2;
    };
    const others = (array: Float32Array) => array.filter((_, i) => !isSpoiled(i));
    trial.bits(`others than what ${name} is part of`, others(got), others(want));
    const spoiled = got.filter((_, i) => isSpoiled(i));
    trial.that(
      `what ${name} is part of`,
      spoiled.every((value) => !Number.isFinite(value)),
    );
  });
}

export const convInputGradient: KernelCases = [
  ['one product', of({})],
  ['1 × 1', of({ batch: 3, channels: 11, height: 7, width: 7, filters: 5 })],
  ['1 × 1, stride 2', of({ batch: 2, channels: 9, height: 9, width: 8, filters: 6, strides: [2, 2] })],
  ['3 × 3', of(SMALL)],
  ['3 × 3, no pads', of({ ...SMALL, pads: [0, 0, 0, 0] })],
  ['3 × 3, stride 2', of(STRIDED)],
  ['3 × 3, stride 2, no pads', of({ ...STRIDED, pads: [0, 0, 0, 0] })],
  ['3 × 3, stride 3 of rows alone', of({ ...STRIDED, strides: [3, 1] })],
  ['2 × 3, stride 1 and 2', of({ ...STRIDED, kernel: [2, 3], strides: [1, 2] })],
  [
    '7 × 7, stride 2',
    of({
      ...{ batch: 2, channels: 9, height: 19, width: 22, filters: 3 },
      ...{ kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
    }),
  ],
  [
    'all numbers unlike each other',
    of({
      ...{ batch: 2, channels: 6, height: 12, width: 17, filters: 4, kernel: [2, 3], groups: 2 },
      ...{ strides: [3, 2], pads: [1, 2, 4, 0], dilations: [4, 3] },
    }),
  ],
  // Phases by what stride and dilation have in common: all taps in one of 4, and two in each of 2 of 6.
  ['stride and dilation of 4', of({ ...SMALL, height: 11, width: 13, strides: [4, 4], dilations: [4, 4] })],
  [
    'strides of 6 and 4, dilations of 4 and 6',
    of({ ...SMALL, height: 25, width: 33, kernel: [5, 4], strides: [6, 4], dilations: [4, 6] }),
  ],
  ['a stride beyond the image', of({ ...SMALL, strides: [9, 11] })],
  ['pads of one side', of({ ...SMALL, pads: [0, 2, 0, 0] })],
  ['pads beyond what is seen', of({ ...SMALL, height: 3, width: 2, kernel: [2, 2], pads: [5, 4, 3, 6] })],
  [
    'pads beyond what is seen, stride 2',
    of({ ...STRIDED, height: 3, width: 2, kernel: [2, 2], pads: [5, 4, 3, 6] }),
  ],
  ['a kernel of the size of the image', of({ ...SMALL, kernel: [6, 7], pads: [0, 0, 0, 0] })],
  ['an even kernel', of({ ...SMALL, kernel: [4, 2], pads: [1, 0, 2, 1] })],
  ['1-D', of({ batch: 3, channels: 5, width: 37, filters: 4, kernel: [1, 5], pads: [0, 2, 0, 2] })],
  // Chunks of 64 Ki values of dy with its padding: rows of an image, the last fewer; images, the last fewer.
  [
    'rows of 20 × 20 in parts, stride 3',
    of({ ...SMALL, batch: 2, channels: 2, height: 20, width: 60, filters: 331, strides: [1, 3] }),
  ],
  [
    '45 rows in parts, strides and dilation',
    of({
      ...{ ...SMALL, batch: 1, channels: 2, height: 45, width: 31, filters: 400, strides: [2, 4] },
      ...{ dilations: [3, 1], pads: [2, 0, 1, 3] },
    }),
  ],
  ['a row larger than a part', of({ channels: 2, height: 2, width: 1000, filters: 66 })],
  ['19 images in parts', of({ ...SMALL, batch: 19, channels: 9, height: 4, width: 6, filters: 130 })],
  ...[1, 4, 7, 8, 9, 17].map(
    (channels) => [`${channels} channels`, of({ ...STRIDED, batch: 1, channels })] as const,
  ),
  ...[1, 2, 3, 4, 33].map(
    (filters) => [`${filters} filters`, of({ batch: 2, channels: 8, height: 3, width: 5, filters })] as const,
  ),
  ['2 groups', of({ ...STRIDED, channels: 18, filters: 6, groups: 2 })],
  ['depthwise', of({ ...STRIDED, channels: 9, filters: 9, groups: 9 })],
  ['dy of 2^40, weights of 2^-70', of(STRIDED, [2 ** 40, 2 ** -70])],
  ['products that are denormal', of(STRIDED, [2 ** -70, 2 ** -72])],
  ['not finite', notFinite],
];
