/** How pixels become numbers: (value / 255 − mean) / std of each channel. */
import { MocoError } from '../../errors.ts';

export type Triple = readonly [number, number, number];

export interface Normalization {
  readonly mean: Triple;
  readonly std: Triple;
}

const all = (value: number): Triple => [value, value, value];

/**
 * - `imagenet`: torchvision's networks; `cifar`: the CIFAR-10 demo of MoCo's reference;
 * - `half`: −1 … 1, Inception's, timm's and TensorFlow's;
 * - `clip`: OpenAI's CLIP (clip.py of openai/CLIP) and what is built on it;
 * - `none`: 0 … 1, for encoders that normalize for themselves, and SimCLR's; `bytes`: 0 … 255, likewise.
 */
export const NORMALIZATIONS = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  half: { mean: all(0.5), std: all(0.5) },
  clip: { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] },
  none: { mean: all(0), std: all(1) },
  bytes: { mean: all(0), std: all(1 / 255) },
} as const satisfies Readonly<Record<string, Normalization>>;

/** The names of the normalizations. */
export const NORMALIZATION_NAMES = Object.keys(NORMALIZATIONS) as readonly (keyof typeof NORMALIZATIONS)[];

/** @throws MocoError usage */
export function normalizationNamed(name: string): Normalization {
  if (Object.hasOwn(NORMALIZATIONS, name)) return NORMALIZATIONS[name as keyof typeof NORMALIZATIONS];
  throw new MocoError(
    'usage',
    `unknown normalization '${name}': choose one of ${NORMALIZATION_NAMES.join(', ')}`,
  );
}
