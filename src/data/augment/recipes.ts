import { MocoError } from '../../errors.ts';
import { triplesOf } from '../../settings/triples.ts';
import { NORMALIZATIONS, type Normalization, normalizationNamed, type Triple } from './normalizations.ts';

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
  readonly mean: Triple;
  readonly std: Triple;
}

const { imagenet: IMAGENET, cifar: CIFAR } = NORMALIZATIONS;
/** Values from 0 to 1, which SimCLR does not normalize. */
const AS_THEY_ARE = NORMALIZATIONS.none;
const RATIO = [3 / 4, 4 / 3] as const;
const CROP_AND_FLIP = {
  crop: { scale: [0.08, 1], ratio: RATIO },
  steps: [{ op: 'flip', probability: 0.5 }],
} as const;
const JITTER = { op: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 } as const;

type RecipeName = 'v1' | 'v2' | 'cifar' | 'simclr' | 'simclr-cifar' | SupervisedName;
type SupervisedName = 'supervised' | 'supervised-cifar' | 'supervised-as-is';

/**
 * - `v1`: MoCo v1 (arXiv:1911.05722 §3.3), `v2`: "aug+" of MoCo v2 (arXiv:2003.04297 §2), in the reference's order;
 * - `cifar`: the CIFAR-10 demo of the reference;
 * - `simclr`: SimCLR (arXiv:2002.05709, appendix A, strength 1), `simclr-cifar`: its appendix B.9, strength 0.5, no blur;
 * - `supervised`: crop and flip alone, with torchvision's default scale, for the supervised baseline and fine-tuning;
 *   `-cifar` and `-as-is` for encoders whose images were normalized like those of `cifar` and `simclr`.
 */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
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
  simclr: {
    crop: { scale: [0.08, 1], ratio: RATIO },
    steps: [
      { op: 'flip', probability: 0.5 },
      { op: 'jitter', brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, probability: 0.8 },
      { op: 'grayscale', probability: 0.2 },
      { op: 'blur', sigma: [0.1, 2], probability: 0.5 },
    ],
    ...AS_THEY_ARE,
  },
  'simclr-cifar': {
    crop: { scale: [0.08, 1], ratio: RATIO },
    steps: [
      { op: 'flip', probability: 0.5 },
      { ...JITTER, hue: 0.1, probability: 0.8 },
      { op: 'grayscale', probability: 0.2 },
    ],
    ...AS_THEY_ARE,
  },
  supervised: { ...CROP_AND_FLIP, ...IMAGENET },
  'supervised-cifar': { ...CROP_AND_FLIP, ...CIFAR },
  'supervised-as-is': { ...CROP_AND_FLIP, ...AS_THEY_ARE },
};

/** The names of the recipes. */
export const AUGMENTATIONS = Object.keys(RECIPES) as readonly (keyof typeof RECIPES)[];

/** Between the name of a recipe and that of a normalization that takes the place of its own. */
const OWN = '@';

/** What settings say of views. */
interface ViewSettings {
  readonly augmentation: string;
  readonly normalize?: string | undefined;
  readonly mean?: string | undefined;
  readonly std?: string | undefined;
}

/** The name of the recipe with which the settings make views: `v2`, or `v2@half` for one with another normalization. */
export function recipeNameOf({ augmentation, normalize, mean, std }: ViewSettings): string {
  if (normalize !== undefined) return `${augmentation}${OWN}${normalize}`;
  return mean !== undefined && std !== undefined ? `${augmentation}${OWN}${mean}/${std}` : augmentation;
}

const others = new Map<string, Recipe>();

/** The recipe of that name, which recipeNameOf gives. @throws MocoError usage */
export function recipeNamed(name: string): Recipe {
  if (Object.hasOwn(RECIPES, name)) return RECIPES[name as keyof typeof RECIPES];
  const known = others.get(name);
  if (known) return known;
  const [base = '', normalization] = name.split(OWN);
  if (normalization === undefined || !Object.hasOwn(RECIPES, base)) {
    throw new MocoError(
      'usage',
      `unknown augmentation '${name}': choose one of ${Object.keys(RECIPES).join(', ')}`,
    );
  }
  const recipe = { ...RECIPES[base as keyof typeof RECIPES], ...normalizationOf(normalization) };
  others.set(name, recipe);
  return recipe;
}

function normalizationOf(text: string): Normalization {
  const [mean = '', std] = text.split('/');
  if (std === undefined) {
    const { mean: own, std: spread } = normalizationNamed(text);
    return { mean: own, std: spread };
  }
  return { mean: triplesOf('mean', mean), std: triplesOf('std', std) };
}

/** The name of the recipe that crops and flips alone, for an encoder whose images had the normalization of another recipe. */
export function cropAndFlipLike(name: string): string {
  const [base = '', normalization] = name.split(OWN);
  const own = supervisedLike(base);
  return normalization === undefined ? own : `${own}${OWN}${normalization}`;
}

function supervisedLike(name: string): SupervisedName {
  const { mean } = recipeNamed(name);
  if (mean === IMAGENET.mean) return 'supervised';
  return mean === CIFAR.mean ? 'supervised-cifar' : 'supervised-as-is';
}
