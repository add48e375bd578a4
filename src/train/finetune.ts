/** Fine-tuning: learning from labels that begins with a learned backbone. */
import { expectArgument, options, record } from '../arguments.ts';
import { CHECKPOINT, queryValues } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { cropAndFlipLike } from '../data/augment/recipes.ts';
import { MocoError } from '../errors.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import type { GivenValues } from '../models/initial-values.ts';
import { withNewHead } from '../onnx/imported-network.ts';
import { isImported } from '../settings/owners.ts';
import { DATA_FACTS, type DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { type PretrainConfig, resolveConfig } from './configure.ts';

/** What belongs to an encoder, where it was given. */
const GIVEN = ['feature', 'pool', 'frozen', 'train', 'normalize', 'mean', 'std'] as const;

/** What a run of `pretrain` begins with. */
export interface FinetuneStart {
  readonly config: PretrainConfig;
  /** The backbone's parameters and running statistics. The classification head is drawn from the seed. */
  readonly init: GivenValues;
  /** Of a checkpoint whose encoder came from a file. */
  readonly encoder?: ImportedEncoder;
}

/**
 * How a run is set up that fine-tunes the encoder of a checkpoint: preset `supervised` with the checkpoint's network and
 * image size, and SimCLR's settings for it (arXiv:2002.05709, appendix B.5): learning rate 0.05·batch/256, no weight decay,
 * crop and flip alone, 30 epochs, here on the cosine schedule.
 * @param overrides of these
 * @param data from `factsOf`: the head has an output a class
 * @throws MocoError config-mismatch where they want another network, usage naming the first setting that cannot be
 */
export function finetuneFrom(
  checkpoint: LoadedCheckpoint,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): FinetuneStart {
  expectArgument('finetuneFrom', 'checkpoint', checkpoint, CHECKPOINT);
  expectArgument('finetuneFrom', 'overrides', overrides, record);
  expectArgument('finetuneFrom', 'data', data, options(DATA_FACTS));
  const { config: learned } = checkpoint.state;
  const { arch, imageSize, width, stem } = learned;
  for (const name of ['arch', 'width', 'stem', ...GIVEN] as const) {
    const wanted = overrides[name];
    if (wanted === undefined || wanted === learned[name]) continue;
    throw new MocoError(
      'config-mismatch',
      `${name} ${wanted} is not that of the checkpoint (${learned[name] ?? 'none'}), whose encoder is fine-tuned: leave it out`,
    );
  }
  const given = Object.fromEntries(
    GIVEN.map((name) => [name, learned[name]]).filter(([, value]) => value !== undefined),
  );
  const network = isImported(arch) ? { arch, ...given } : { arch, width, stem, ...given };
  const batchSize = overrides.batchSize ?? Math.min(256, data.images ?? 256);
  const config = resolveConfig(
    'supervised',
    {
      ...network,
      imageSize,
      augmentation: cropAndFlipLike(learned.augmentation),
      schedule: 'cosine',
      epochs: 30,
      batchSize,
      groups: [8, 4, 2].find((groups) => batchSize % groups === 0 && batchSize / groups >= 16) ?? 1,
      learningRate: (0.05 * batchSize) / 256,
      weightDecay: 0,
      ...overrides,
    },
    data,
  );
  const values = queryValues(checkpoint.tensors);
  if (checkpoint.network) {
    const encoder = withNewHead(checkpoint.network, values, config);
    return { config, init: encoder.values, encoder: { ...encoder, notes: [] } };
  }
  // Of ResNets, the head is what torchvision calls fc.
  return { config, init: new Map([...values].filter(([name]) => !name.startsWith('fc.'))) };
}
