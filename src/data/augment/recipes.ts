import { MocoError } from '../../errors.ts';

/** One random operation of a recipe; each is applied with its own probability. */
export type AugmentStep =
  | {
      /** torchvision ColorJitter: the four adjustments in random order. */
      op: 'jitter';
      probability: number;
      /** Factor uniform in [1 − x, 1 + x], x ≤ 1. */
      brightness: number;
      contrast: number;
      saturation: number;
      /** Shift uniform in [−x, x] turns, x ≤ 0.5. */
      hue: number;
    }
  | { op: 'grayscale'; probability: number }
  /** σ in pixels of the view, uniform in the interval. */
  | { op: 'blur'; probability: number; sigma: readonly [number, number] }
  | { op: 'flip'; probability: number };

/** An augmentation as data: random resized crop, then the steps in order, then normalization. */
export interface Recipe {
  readonly crop: { readonly scale: readonly [number, number]; readonly ratio: readonly [number, number] };
  readonly steps: readonly AugmentStep[];
  /** Per channel, of values 0 … 1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const CIFAR = { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] } as const;
const RATIO = [3 / 4, 4 / 3] as const;
const JITTER = { op: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 } as const;

/**
 * - `v1`: MoCo v1 (arXiv:1911.05722 §3.3), `v2`: "aug+" of MoCo v2 (arXiv:2003.04297 §2), in the reference's order;
 * - `cifar`: the CIFAR-10 demo of the reference.
 */
export const RECIPES: Readonly<Record<'v1' | 'v2' | 'cifar', Recipe>> = {
  v1: {
    crop: { scale: [0.2, 1], ratio: RATIO },
    steps: [
      { op: 'grayscale', probability: 0.2 },
      { ...JITTER, hue: 0.4, probability: 1 },
      { op: 'flip', probability: 0.5 },
    ],
    ...IMAGENET,
  },
  v2: {
    crop: { scale: [0.2, 1], ratio: RATIO },
    steps: [
      { ...JITTER, hue: 0.1, probability: 0.8 },
      { op: 'grayscale', probability: 0.2 },
      { op: 'blur', sigma: [0.1, 2], probability: 0.5 },
      { op: 'flip', probability: 0.5 },
    ],
    ...IMAGENET,
  },
  cifar: {
    crop: { scale: [0.08, 1], ratio: RATIO },
    steps: [
      { op: 'flip', probability: 0.5 },
      { ...JITTER, hue: 0.1, probability: 0.8 },
      { op: 'grayscale', probability: 0.2 },
    ],
    ...CIFAR,
  },
};

/** The names of the recipes. */
export const AUGMENTATIONS = Object.keys(RECIPES) as readonly (keyof typeof RECIPES)[];

/** The recipe of that name. @throws MocoError usage */
export function recipeNamed(name: string): Recipe {
  if (Object.hasOwn(RECIPES, name)) return RECIPES[name as keyof typeof RECIPES];
  throw new MocoError(
    'usage',
    `unknown augmentation '${name}': choose one of ${Object.keys(RECIPES).join(', ')}`,
  );
}

/**
 * The augmentation of linear classification: crop and flip alone, with torchvision's default scale (main_lincls.py of
 * facebookresearch/moco), and the mean and deviation that an encoder's images had.
 */
export function cropAndFlip({ mean, std }: Recipe): Recipe {
  return {
    crop: { scale: [0.08, 1], ratio: RATIO },
    steps: [{ op: 'flip', probability: 0.5 }],
    ...{ mean, std },
  };
}
