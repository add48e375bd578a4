/**
 * Whose images a model was made for, where names say so: a model that does not normalize its input itself keeps no word of
 * the range that it wants. Told, never acted on: names are no proof.
 */

export interface RangeHint {
  /** A word of the setting `normalize`. */
  readonly normalize: 'clip' | 'half';
  /** What was found, e.g. `CLIP, by vision_model.pre_layrnorm.weight`. */
  readonly found: string;
}

interface Family {
  readonly name: string;
  readonly normalize: RangeHint['normalize'];
  /** In metadata, or in the name of the graph. */
  readonly words: RegExp;
  /** Names of weights that this family alone has. */
  readonly weights: RegExp;
}

/** SigLIP before CLIP, whose name it ends with. */
const FAMILIES: readonly Family[] = [
  {
    name: 'SigLIP',
    normalize: 'half',
    words: /siglip/i,
    // The pooling of open_clip's and transformers' image towers.
    weights: /(^|\.)(head\.probe|attn_pool\.latent)$/,
  },
  {
    name: 'CLIP',
    normalize: 'clip',
    words: /(^|[^a-z])(open_?)?clip([^a-z]|$)/i,
    // transformers' CLIPVisionModel has pre_layrnorm, OpenAI's and open_clip's ln_pre.
    weights: /(^|\.)(pre_layrnorm|ln_pre)\.(weight|bias)$|(^|\.)logit_scale$/,
  },
  {
    name: 'Inception',
    normalize: 'half',
    words: /inception|xception/i,
    // TensorFlow's names, kept by its ports. torchvision's Inception takes ImageNet's images.
    weights: /(^|[./])(Inception(V\d|ResnetV\d)|inception_(resnet_)?v\d)[./]/,
  },
];

/** Nobody's names are longer. */
const LONGEST = 1024;

/**
 * @param names of initializers
 * @param said the graph's name, and what the metadata say
 */
export function rangeHint(names: Iterable<string>, said: readonly string[]): RangeHint | null {
  for (const { name, normalize, words } of FAMILIES) {
    const text = said.find((each) => each.length <= LONGEST && words.test(each));
    if (text !== undefined) return { normalize, found: `${name}, by the name ${text}` };
  }
  for (const weight of names) {
    if (weight.length > LONGEST) continue;
    const family = FAMILIES.find(({ weights }) => weights.test(weight));
    if (family) return { normalize: family.normalize, found: `${family.name}, by ${weight}` };
  }
  return null;
}
