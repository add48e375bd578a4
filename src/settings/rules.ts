/** What settings have to be to each other, and to the data. What one may be alone is in the table. */
import { isImported } from './owners.ts';
import type { Known, SettingName, Settings } from './settings.ts';
import { whyNoTriple } from './triples.ts';

interface Rule<Names extends SettingName> {
  /** The settings it is about. It holds where a configuration lacks one of them. */
  readonly about: readonly Names[];
  /** In words, for docs/settings.md. */
  readonly says: string;
  /** What is wrong, and what to do; null: nothing. */
  readonly broken: (
    settings: Required<Pick<Settings, Names>>,
    around: { readonly smallestImage?: Known['smallestImage']; readonly images?: number | undefined },
  ) => string | null;
}

/** Bytes. What a checkpoint holds is read and written in one piece. */
const LARGEST_QUEUE = 2 ** 31;

export const RULES: readonly Pick<Rule<SettingName>, 'about' | 'says' | 'broken'>[] = [
  rule({
    about: ['batchSize', 'queueSize'],
    says: 'queueSize is at least batchSize',
    broken: ({ batchSize, queueSize }) =>
      batchSize > queueSize
        ? `queue size ${queueSize} is smaller than batch ${batchSize}: lower batchSize or raise queueSize`
        : null,
  }),
  rule({
    about: ['batchSize', 'queueSize', 'symmetric'],
    says: 'queueSize is at least twice batchSize where the loss is symmetric',
    broken: ({ batchSize, queueSize, symmetric }) =>
      symmetric && 2 * batchSize > queueSize
        ? `queue size ${queueSize} does not hold the ${2 * batchSize} keys of a symmetric step: ` +
          'lower batchSize or raise queueSize'
        : null,
  }),
  rule({
    about: ['queueSize', 'dim'],
    says: 'the queue takes no more than 2 GiB: 4·queueSize·dim bytes',
    broken: ({ queueSize, dim }) =>
      4 * queueSize * dim > LARGEST_QUEUE
        ? `a queue of ${queueSize} keys of ${dim} values takes ${((4 * queueSize * dim) / 1e9).toFixed(1)} GB, ` +
          'more than the 2 GiB that can be saved: lower queueSize or dim'
        : null,
  }),
  rule({
    about: ['batchSize', 'groups'],
    says: 'groups divide batchSize',
    broken: ({ batchSize, groups }) =>
      batchSize % groups !== 0
        ? `groups ${groups} do not divide batch ${batchSize}: ${nearestGroups(batchSize, groups)}`
        : null,
  }),
  rule({
    about: ['batchSize', 'groups'],
    says: 'a group has 2 images or more, which BatchNorm needs',
    broken: ({ batchSize, groups }) =>
      batchSize / groups < 2
        ? `batch ${batchSize} in ${groups} groups leaves 1 image a group, ` +
          'and BatchNorm needs 2 or more: lower groups or raise batchSize'
        : null,
  }),
  rule({
    about: ['arch', 'stem', 'imageSize'],
    says: 'images are large enough for the stem of a built-in ResNet',
    broken: ({ arch, stem, imageSize }, { smallestImage = {} }) => {
      const least = smallestImage[stem] ?? 0;
      if (isImported(arch) || imageSize >= least) return null;
      const [other] = Object.entries(smallestImage).find(([, size]) => imageSize >= size) ?? [];
      const orElse = other === undefined ? '' : `, or choose the ${other} stem`;
      return (
        `image size ${imageSize} is smaller than ${arch} with the ${stem} stem allows: ` +
        `raise imageSize to ${least} or more${orElse}`
      );
    },
  }),
  rule({
    about: ['mean'],
    says: 'mean is three numbers, or one for all channels',
    broken: ({ mean }) => whyNoTriple('mean', mean),
  }),
  rule({
    about: ['std'],
    says: 'std is three numbers above 0, or one for all channels',
    broken: ({ std }) => whyNoTriple('std', std),
  }),
  rule({
    about: ['normalize', 'mean'],
    says: 'mean is not given beside normalize',
    broken: () => 'mean and std take the place of normalize: leave one or the other out',
  }),
  rule({
    about: ['normalize', 'std'],
    says: 'std is not given beside normalize',
    broken: () => 'mean and std take the place of normalize: leave one or the other out',
  }),
  rule({
    about: [],
    says: 'mean and std are given together',
    broken: (settings) => {
      const { mean, std } = settings as { mean?: string; std?: string };
      if ((mean === undefined) === (std === undefined)) return null;
      return `${mean === undefined ? 'std' : 'mean'} is given alone: mean and std go together`;
    },
  }),
  rule({
    about: ['warmup', 'epochs'],
    says: 'warmup is shorter than epochs',
    broken: ({ warmup, epochs }) =>
      warmup >= epochs
        ? `a warm-up of ${warmup} epochs leaves nothing of a run of ${epochs}: lower warmup or raise epochs`
        : null,
  }),
  rule({
    about: ['batchSize'],
    says: 'there are at least batchSize training images',
    broken: ({ batchSize }, { images }) =>
      images !== undefined && images < batchSize
        ? `${images} training images are fewer than batch ${batchSize}: lower batchSize or add images`
        : null,
  }),
];

/** Ties what a rule looks at to what it says it is about. */
function rule<Names extends SettingName>(given: Rule<Names>): Rule<SettingName> {
  return given as unknown as Rule<SettingName>;
}

/** The most groups, not more than these, that divide the batch and leave each two images or more. */
function nearestGroups(batchSize: number, groups: number): string {
  let most = 0;
  // Divisors come in pairs: up to the root is far enough, which a count of 2³¹ makes 46,341 trials.
  for (let small = 1; small * small <= batchSize; small++) {
    if (batchSize % small !== 0) continue;
    for (const fewer of [small, batchSize / small]) {
      if (fewer <= groups && batchSize / fewer >= 2) most = Math.max(most, fewer);
    }
  }
  return most > 0 ? `groups ${most} would` : 'choose a larger batchSize';
}
