/** An encoder in an ONNX file: what it takes, what it gives, and how its images are made. */
import { lowerGraph } from '../autodiff/lower.ts';
import { framingOf } from '../data/augment/augment.ts';
import { RECIPES } from '../data/augment/recipes.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { encoded } from '../encoder/encoded-model.ts';
import type { ModelPart } from '../encoder/model-session.ts';
import { MocoError } from '../errors.ts';
import { type Preprocessing, parsePreprocessing } from '../models/preprocessing.ts';
import { importModel } from '../onnx/import/import-model.ts';
import { requirePreparable } from '../onnx/limits.ts';
import { type ModelFacts, readModelFacts } from '../onnx/model.ts';
import type { Backend } from '../runtime/backend.ts';
import type { EncoderOptions, PreprocessingOptions } from './encoder-options.ts';

export interface ModelNetwork {
  readonly part: ModelPart;
  readonly preprocessing: Preprocessing;
  readonly features: FeatureKind;
  /** What had to be assumed, in words. */
  readonly notes: readonly string[];
}

const DEFAULT_SIZE = 224;

/**
 * @param features by default what the file gives
 * @throws MocoError model-invalid (no encoder of images), usage (an option that the file contradicts)
 */
export function networkInFile(
  bytes: Uint8Array,
  backend: Backend,
  features: FeatureKind | undefined,
  options: Pick<EncoderOptions, 'limits' | keyof PreprocessingOptions>,
): ModelNetwork {
  const facts = readModelFacts(bytes);
  requirePreparable(facts.nodes, options.limits);
  const [input, ...others] = facts.inputs;
  if (!input || others.length > 0 || input.type !== 'float32' || input.shape.length !== 4) {
    throw new MocoError(
      'model-invalid',
      'the model is no encoder of images: it has to have one input, float32 [n, 3, height, width]',
    );
  }
  const [batch, channels, height, width] = input.shape;
  if (typeof channels === 'number' && channels !== 3) {
    throw new MocoError('model-invalid', `the model takes ${channels} channels: images have 3`);
  }
  const fixed = typeof height === 'number' ? height : typeof width === 'number' ? width : null;
  if (fixed !== null && [height, width].some((side) => typeof side === 'number' && side !== fixed)) {
    throw new MocoError(
      'model-invalid',
      `the model takes ${height}×${width} pixels: give one that takes squares`,
    );
  }
  const { preprocessing, notes } = preprocessingIn(facts, fixed, options);
  const { imageSize } = preprocessing;
  const { output, kind } = outputOf(facts, features);
  const rows = typeof batch === 'number' ? batch : null;
  const model =
    backend === 'webgpu'
      ? forGpu(bytes, imageSize, options.limits)
      : { name: facts.name || 'encoder', bytes, operators: facts.operators };
  const part = { model, input: input.name, output, imageSize, batch: backend === 'webgpu' ? null : rows };
  return { part, preprocessing, features: kind, notes };
}

/** The providers of wasm and native code run a file as it is; of what WebGPU would not run right, something else is written. */
function forGpu(bytes: Uint8Array, imageSize: number, limits: EncoderOptions['limits']) {
  const { graph, input, weights, statistics } = importModel(bytes, { imageSize, batch: 'open', limits });
  const constants = new Map([...graph.constants, ...weights, ...statistics]);
  return encoded(lowerGraph({ ...graph, inputs: [input], constants }, 'webgpu'));
}

function outputOf({ outputs }: ModelFacts, features: FeatureKind | undefined) {
  const [first] = outputs;
  if (!first) throw new MocoError('model-invalid', 'the model has no output');
  const has = (name: string) => outputs.some((output) => output.name === name);
  // The names that exportOnnx gives.
  const given = [
    ...(has('features') ? [{ output: 'features', kind: 'backbone' as const }] : []),
    ...(has('embedding') ? [{ output: 'embedding', kind: 'head' as const }] : []),
  ];
  if (given.length === 0) given.push({ output: first.name, kind: 'backbone' });
  const found = features === undefined ? given[0] : given.find(({ kind }) => kind === features);
  if (found) return found;
  throw new MocoError(
    'usage',
    `the model gives no features '${features}', only '${given[0]?.kind}': leave the option out, or export it anew`,
  );
}

function preprocessingIn(
  { metadata }: ModelFacts,
  fixed: number | null,
  options: PreprocessingOptions,
): { preprocessing: Preprocessing; notes: string[] } {
  const text = metadata.get('preprocessing');
  if (text !== undefined) {
    refuseOptions(options, 'the file');
    const preprocessing = parsePreprocessing(text);
    const { imageSize } = preprocessing;
    if (fixed !== null && fixed !== imageSize) {
      throw new MocoError('model-invalid', `the model takes ${fixed} px, its metadata says ${imageSize}`);
    }
    return { preprocessing, notes: [] };
  }
  const imageSize = options.imageSize ?? fixed ?? DEFAULT_SIZE;
  if (!Number.isInteger(imageSize) || imageSize < 1 || imageSize > 4096) {
    throw new MocoError('usage', `imageSize is ${imageSize}: give a whole number from 1 to 4096`);
  }
  if (fixed !== null && fixed !== imageSize) {
    throw new MocoError('usage', `imageSize is ${imageSize}, but the model takes ${fixed} px: leave it out`);
  }
  const { mean, std } = { ...RECIPES.v2, ...given(options) };
  for (const [name, values, least] of [
    ['mean', mean, Number.NEGATIVE_INFINITY],
    ['std', std, 0],
  ] as const) {
    if (values.length === 3 && values.every((value) => Number.isFinite(value) && value > least)) continue;
    throw new MocoError('usage', `${name} is ${values}: give three numbers, of red, green and blue`);
  }
  const assumed = [
    ...(options.imageSize === undefined && fixed === null ? [`images of ${imageSize} px`] : []),
    ...(options.mean && options.std ? [] : ["ImageNet's mean and std"]),
  ];
  const notes =
    assumed.length > 0
      ? [`the file does not say how images are prepared: ${assumed.join(', ')} are assumed`]
      : [];
  return { preprocessing: { imageSize, ...framingOf(imageSize), mean, std }, notes };
}

/** @throws MocoError usage where one is given */
export function refuseOptions(options: PreprocessingOptions, who: string): void {
  const name = (['imageSize', 'mean', 'std'] as const).find((option) => options[option] !== undefined);
  if (name === undefined) return;
  throw new MocoError(
    'usage',
    `${name} was given, but ${who} says itself how images are prepared: leave it out`,
  );
}

/** Without those that are undefined. */
function given({ mean, std }: PreprocessingOptions) {
  return { ...(mean && { mean }), ...(std && { std }) };
}
