import { gaussianBlur } from '../data/augment/blur.ts';
import { Canvas } from '../data/augment/canvas.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, grayscale } from '../data/augment/color.ts';
import { adjustHue } from '../data/augment/hue.ts';
import { flipHorizontally, normalize } from '../data/augment/normalize.ts';
import { putImage, resizedCrop } from '../data/augment/resize.ts';
import type { RgbImage } from '../data/image.ts';
import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { CaseFamily, GoldenCase } from './case.ts';
import { gradeCropStatistics } from './rrc-stats.ts';

type Parameters = Readonly<Record<string, unknown>>;

/** Cases augment_*: each output is one named operation on the input image; and rrc_stats, graded in place. */
export const augmentFamily: CaseFamily = {
  runners: { augment: async (goldenCase) => runAugment(goldenCase, await Canvas.open()) },
  graders: { rrc_stats: async (goldenCase) => gradeCropStatistics(goldenCase) },
};

function runAugment(goldenCase: GoldenCase, canvas: Canvas): ReadonlyMap<string, NamedTensor> {
  const input = goldenCase.inputs.get('image');
  if (input?.dtype !== 'U8' || input.shape.length !== 3 || input.shape[2] !== 3) {
    throw invalid(goldenCase.name, 'the input tensor `image` is not U8 [height, width, 3]');
  }
  const source: RgbImage = { width: input.shape[1]!, height: input.shape[0]!, data: input.data };
  const operations = record(goldenCase.params.ops, `${goldenCase.name}: params.ops`);
  const results = new Map<string, NamedTensor>();
  // Everything that the operations name, and not what `outputs` lists, which may be empty.
  for (const [name, value] of Object.entries(operations)) {
    const parameters = record(value, `${goldenCase.name}: params.ops.${name}`);
    const result = apply(canvas, source, parameters, operations);
    results.set(name, { dtype: 'U8', shape: [result.height, result.width, 3], data: result.data });
  }
  if (goldenCase.params.mean !== undefined) results.set('normalized', normalized(canvas, source, goldenCase));
  return results;
}

function normalized(canvas: Canvas, source: RgbImage, goldenCase: GoldenCase): NamedTensor {
  const data = new Float32Array(source.data.length);
  const mean = triple(goldenCase.params.mean, `${goldenCase.name}: params.mean`);
  const std = triple(goldenCase.params.std, `${goldenCase.name}: params.std`);
  putImage(canvas, source);
  normalize(canvas, { mean, std }, data);
  return { dtype: 'F32', shape: [3, source.height, source.width], data };
}

function apply(canvas: Canvas, source: RgbImage, parameters: Parameters, operations: Parameters): RgbImage {
  const op = parameters.op;
  if (typeof op === 'string' && op.startsWith('chain:'))
    return applyChain(canvas, source, op, parameters, operations);
  if (op === 'resized_crop') {
    const [height, width] = pair(parameters.size);
    const box = {
      top: number(parameters, 'i'),
      left: number(parameters, 'j'),
      height: number(parameters, 'h'),
      width: number(parameters, 'w'),
    };
    if (box.top + box.height > source.height || box.left + box.width > source.width) {
      throw invalid('resized_crop', 'the box reaches beyond the image');
    }
    resizedCrop(canvas, source, box, width, height);
    return canvas.image();
  }
  if (op === 'hflip') {
    const data = source.data.slice();
    flipHorizontally(data, source.width, source.height);
    return { ...source, data };
  }
  putImage(canvas, source);
  if (op === 'adjust_brightness') adjustBrightness(canvas, number(parameters, 'factor'));
  else if (op === 'adjust_contrast') adjustContrast(canvas, number(parameters, 'factor'));
  else if (op === 'adjust_saturation') adjustSaturation(canvas, number(parameters, 'factor'));
  else if (op === 'adjust_hue') adjustHue(canvas, number(parameters, 'factor'));
  else if (op === 'rgb_to_grayscale') grayscale(canvas);
  else if (op === 'pil_gaussian_blur') gaussianBlur(canvas, number(parameters, 'radius'));
  else throw invalid(String(op), 'no such operation');
  return canvas.image();
}

const LETTERS: Readonly<Record<string, string>> = {
  b: 'brightness',
  c: 'contrast',
  s: 'saturation',
  h: 'hue',
};

/** "chain: resized_crop(NAME), jitter in this order, blur(…), hflip": the links in the order in which they are named. */
function applyChain(
  canvas: Canvas,
  source: RgbImage,
  op: string,
  parameters: Parameters,
  operations: Parameters,
): RgbImage {
  let image = source;
  for (const link of op.slice('chain:'.length).split(',')) {
    const [, word = '', argument] = /^\s*([a-z_]+)(?:\(([^)]*)\))?/.exec(link) ?? [];
    if (word === 'resized_crop') {
      image = apply(canvas, image, record(operations[argument ?? ''], `crop ${argument}`), operations);
    } else if (word === 'jitter') {
      for (const letter of String(parameters.order)) {
        const name = LETTERS[letter];
        if (name === undefined) throw invalid(op, `jitter has no '${letter}'`);
        image = apply(canvas, image, { op: `adjust_${name}`, factor: number(parameters, name) }, operations);
      }
    } else if (word === 'blur') {
      image = apply(
        canvas,
        image,
        { op: 'pil_gaussian_blur', radius: number(parameters, 'radius') },
        operations,
      );
    } else {
      image = apply(canvas, image, { op: word }, operations);
    }
  }
  return image;
}

function invalid(where: string, what: string): MocoError {
  return new MocoError('data-invalid', `golden case: ${where}: ${what}`);
}

function record(value: unknown, where: string): Parameters {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(where, 'not an object');
  return value as Parameters;
}

function number(parameters: Parameters, name: string): number {
  const value = parameters[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(name, 'not a number');
  return value;
}

function pair(value: unknown): [number, number] {
  if (!Array.isArray(value) || value.length !== 2) throw invalid('size', 'not [height, width]');
  return [Number(value[0]), Number(value[1])];
}

function triple(value: unknown, where: string): [number, number, number] {
  if (!Array.isArray(value) || value.length !== 3) throw invalid(where, 'not three numbers');
  return [Number(value[0]), Number(value[1]), Number(value[2])];
}
