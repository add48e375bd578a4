/** convolution.wgsl: a convolution of images. */
import { type ConvolutionShape, matrixOf } from '../../kernels/convolution-shape.ts';
import type { KernelCases } from '../case.ts';
import { uniforms } from '../inputs.ts';
import { convolutionReference } from '../references/convolution.ts';
import type { Trial } from '../trial.ts';
import { BEHIND, type Given, shapeOf } from './convolution-shapes.ts';
import { withEachNotFinite } from './not-finite.ts';

interface Inputs {
  shape: ConvolutionShape;
  x: Float32Array;
  weight: Float32Array;
}

function inputsOf({ random }: Trial, given: Given, sizes: readonly [number, number] = [1, 1]): Inputs {
  const shape = shapeOf(given);
  const { batch, channels, height, width, filters } = shape;
  const x = uniforms(batch * channels * height * width, random, sizes[0]);
  return { shape, x, weight: uniforms(filters * matrixOf(shape).columns, random, sizes[1]) };
}

/** Into NaN, so that whatever is left out shows. */
async function run(trial: Trial, { shape, x, weight }: Inputs, given = trial.put(x)) {
  const { batch, filters, outHeight, outWidth } = shape;
  const y = trial.put(new Float32Array(batch * filters * outHeight * outWidth).fill(Number.NaN));
  // In the memory of wasm this lies behind y.
  const behind = new Float32Array(BEHIND).fill(1);
  const after = trial.put(behind);
  trial.kernels.convolution({ ...shape, x: given, weight: trial.put(weight), y });
  trial.bits('what lies behind y', await trial.read(after), behind);
  return trial.read(y);
}

const of =
  (given: Given, sizes?: readonly [number, number]) =>
  async (trial: Trial): Promise<void> => {
    const inputs = inputsOf(trial, given, sizes);
    const { shape, x, weight } = inputs;
    const want = convolutionReference(x, weight, shape, trial.accuracy);
    const dimensions = [shape.batch, shape.filters, shape.outHeight, shape.outWidth];
    trial.close('y', await run(trial, inputs), want.exact, want.bound, dimensions);
  };

const SMALL: Given = {
  ...{ batch: 3, channels: 5, height: 6, width: 7, filters: 10 },
  ...{ kernel: [3, 3], pads: [1, 1, 1, 1] },
};

/** A bad value of x spoils the pixels that see it, the gate sees it, and all others are right. */
async function notFinite(trial: Trial): Promise<void> {
  const inputs = inputsOf(trial, SMALL);
  const want = await run(trial, inputs);
  const { height, width, channels, filters } = inputs.shape;
  const plane = height * width;
  // Channel 2 of image 1, row 3, column 4.
  const at = (channels + 2) * plane + 3 * width + 4;
  await withEachNotFinite(trial, inputs.x, at, async (bad, name) => {
    const got = await run(trial, inputs, bad);
    const isSpoiled = (i: number) => {
      const pixel = i % plane;
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      return Math.floor(i / (filters * plane)) === 1 && Math.abs(row - 3) < 2 && Math.abs(column - 4) < 2;
    };
    const others = (array: Float32Array) => array.filter((_, i) => !isSpoiled(i));
    trial.bits(`others than what sees ${name}`, others(got), others(want));
    const spoiled = got.filter((_, i) => isSpoiled(i));
    trial.that(
      `what sees ${name}`,
      spoiled.every((value) => !Number.isFinite(value)),
    );
  });
}

export const convolution: KernelCases = [
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
  // Chunks of 64 Ki values of x with its padding: rows of an image, the last fewer; images, the last fewer.
  [
    'rows of 21 × 60 in parts',
    of({ ...SMALL, batch: 2, channels: 131, height: 21, width: 60, filters: 3, strides: [1, 3] }),
  ],
  [
    '23 rows in parts, stride 2, dilation 2',
    of({
      ...{ ...SMALL, batch: 1, channels: 130, height: 45, width: 31, filters: 3, strides: [2, 4] },
      ...{ dilations: [2, 1], pads: [2, 0, 1, 3] },
    }),
  ],
  ['a row larger than a part', of({ channels: 66, height: 2, width: 1000, filters: 2, strides: [1, 9] })],
  ['19 images in parts', of({ ...SMALL, batch: 19, channels: 130, height: 4, width: 6, filters: 9 })],
  ...[1, 4, 7, 8, 9, 17].map(
    (filters) => [`${filters} filters`, of({ ...SMALL, batch: 1, filters })] as const,
  ),
  ...[1, 2, 3, 4, 33].map(
    (channels) =>
      [`${channels} channels`, of({ batch: 2, channels, height: 3, width: 5, filters: 8 })] as const,
  ),
  ['2 groups', of({ ...SMALL, channels: 6, filters: 18, groups: 2 })],
  ['depthwise', of({ ...SMALL, channels: 9, filters: 9, groups: 9 })],
  ['x of 2^40, weights of 2^-70', of(SMALL, [2 ** 40, 2 ** -70])],
  ['products that are denormal', of(SMALL, [2 ** -70, 2 ** -72])],
  ['not finite', notFinite],
];
