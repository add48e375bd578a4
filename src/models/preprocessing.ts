/** How an image becomes the input of an encoder; in an exported model it stands as JSON, in the metadata `preprocessing`. */
import * as v from 'valibot';
import { type Framing, framingOf } from '../data/augment/augment.ts';
import { type Recipe, recipeNamed, recipeNameOf } from '../data/augment/recipes.ts';
import { MocoError } from '../errors.ts';
import type { Settings } from '../settings/settings.ts';

export interface Preprocessing extends Framing, Pick<Recipe, 'mean' | 'std'> {
  /** Side in pixels of the square that the encoder takes. */
  readonly imageSize: number;
}

/** What a run evaluates with. */
export function preprocessingOf(
  config: Pick<Settings, 'imageSize' | 'augmentation' | 'normalize' | 'mean' | 'std'>,
): Preprocessing {
  const { imageSize } = config;
  const { mean, std } = recipeNamed(recipeNameOf(config));
  return { imageSize, ...framingOf(imageSize), mean, std };
}

export function formatPreprocessing(preprocessing: Preprocessing): string {
  const { imageSize, resizeShorterSide, unchangedSize, mean, std } = preprocessing;
  return JSON.stringify({
    colors: 'RGB',
    resizeShorterSide,
    centerCrop: imageSize,
    unchangedSize,
    mean,
    std,
  });
}

const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8192));
const finite = v.pipe(v.number(), v.finite());
const positive = v.pipe(finite, v.gtValue(0));
const Schema = v.pipe(
  v.object({
    colors: v.literal('RGB'),
    resizeShorterSide: side,
    centerCrop: v.pipe(side, v.maxValue(4096)),
    unchangedSize: v.nullable(side),
    mean: v.tuple([finite, finite, finite]),
    std: v.tuple([positive, positive, positive]),
  }),
  v.check(
    ({ resizeShorterSide, centerCrop }) => resizeShorterSide >= centerCrop,
    'the crop is larger than the image',
  ),
);

/** @throws MocoError model-invalid where it is not what formatPreprocessing writes */
export function parsePreprocessing(text: string): Preprocessing {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Refused below: null is no object.
  }
  const result = v.safeParse(Schema, value);
  if (!result.success) {
    const [issue] = result.issues;
    const where = v.getDotPath(issue);
    throw new MocoError(
      'model-invalid',
      `the metadata 'preprocessing' of the model cannot be used: ${where ? `${where}: ` : ''}${issue.message}`,
    );
  }
  const { centerCrop: imageSize, resizeShorterSide, unchangedSize, mean, std } = result.output;
  return { imageSize, resizeShorterSide, unchangedSize, mean, std };
}
