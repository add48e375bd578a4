import * as v from 'valibot';
import { MocoError } from '../errors.ts';
import { CONV_TILE_NAMES, type TileChoice } from '../kernels/conv-tiles.ts';
import { GENERATOR } from '../random.ts';
import type { Backend } from '../runtime/backend.ts';
import { isImported } from '../settings/owners.ts';
import type { Settings } from '../settings/settings.ts';
import { parseSettings } from '../settings/validate.ts';
import { sha256 } from './digest.ts';
import { checkFormat, FORMAT_VERSION } from './migrations.ts';

/** Where a run stood. Numbers come from one counter-based generator, so its whole state is the seed and the place. */
export interface RunState {
  /** Its words are looked up where they are used, and all of them when the run is resumed. */
  config: Settings;
  /** Steps done, over the whole run. */
  step: number;
  /** The epoch that the next step belongs to, counted from 0. */
  epoch: number;
  sampler: SamplerState;
  /** `algorithm`: that of random.ts. */
  generator: { algorithm: string; seed: number };
  /** What computed; runs of before there was native code do not say. */
  backend?: Backend;
  /**
   * webgpu: how many groups went through the network in one run, which the last bits depend on; runs of before there were
   * several do not say, and had 1.
   */
  groupsAtOnce?: number;
  /** webgpu: the tiles that were chosen for weight gradients, by the names of shapes. No bit depends on them. */
  tiles?: TileChoice;
  /**
   * Names of settings, and `images`, that nobody has said: of a run that came from another program. What stands for them in
   * `config` and `sampler` is a guess, with which no run goes on.
   */
  unknown?: readonly string[];
  /** What the file said that such a run came from. */
  imported?: ImportedFrom;
}

export interface ImportedFrom {
  /** Whose names it had. */
  layout: string;
  /** Epochs done. */
  epoch: number | null;
  /** That of the last epoch. */
  learningRate: number | null;
  arch: string | null;
}

/** What the order of the images depends on. */
export interface SamplerState {
  /** Kind of the data set, such as cifar10, imagefolder or drawn. */
  dataset: string;
  /** Where it lay; null for images the package draws. A resumed run without --data looks there. */
  path: string | null;
  /** How many training images it had. */
  images: number;
  /** Steps done in the current epoch. */
  stepInEpoch: number;
  /** sha256 of the names and sizes of these images, in hex; null of a run that began before this was kept. */
  digest: string | null;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** A network has fewer convolutions, of fewer shapes. */
const MOST_TILES = 4096;

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** What state.json has in every format. */
const SealSchema = v.looseObject({
  format_version: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  sha256: digest,
  encoder_sha256: v.exactOptional(digest),
  checksum: digest,
});

/** What else it has in the format of today. */
const StateSchema = v.object({
  config: v.unknown(),
  step: count,
  epoch: count,
  sampler: v.object({
    dataset: v.pipe(v.string(), v.maxLength(64)),
    path: v.nullable(v.pipe(v.string(), v.maxLength(4096))),
    images: count,
    stepInEpoch: count,
    digest: v.nullable(digest),
  }),
  generator: v.object({ algorithm: v.pipe(v.string(), v.maxLength(64)), seed: count }),
  backend: v.exactOptional(v.picklist(['webgpu', 'native', 'wasm'] satisfies Backend[])),
  groupsAtOnce: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  tiles: v.exactOptional(
    v.pipe(
      v.record(v.pipe(v.string(), v.maxLength(256)), v.picklist(CONV_TILE_NAMES)),
      v.check((tiles) => Object.keys(tiles).length <= MOST_TILES, `more than ${MOST_TILES} tiles`),
    ),
  ),
  unknown: v.exactOptional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(64))),
  imported: v.exactOptional(
    v.object({
      layout: v.pipe(v.string(), v.maxLength(64)),
      epoch: v.nullable(count),
      learningRate: v.nullable(v.pipe(v.number(), v.finite())),
      arch: v.nullable(v.pipe(v.string(), v.maxLength(256))),
    }),
  ),
});

/** sha256 of the other files of a checkpoint, in hex. */
export interface Digests {
  /** model.safetensors */
  readonly tensors: string;
  /** encoder.onnx, which checkpoints of imported encoders have. */
  readonly encoder?: string;
}

/**
 * The text of state.json.
 * @param counters such as queue_ptr: for people to look at, they are read from the tensors
 */
export async function formatState(
  state: RunState,
  counters: Readonly<Record<string, number>>,
  digests: Digests,
): Promise<string> {
  const { config, step, epoch, sampler, generator, backend, groupsAtOnce, tiles, unknown, imported } = state;
  const content: v.InferInput<typeof StateSchema> & Omit<v.InferInput<typeof SealSchema>, 'checksum'> = {
    ...{ format_version: FORMAT_VERSION, config, step, epoch },
    ...counters,
    sampler,
    generator,
    ...(backend === undefined ? {} : { backend }),
    ...(groupsAtOnce === undefined ? {} : { groupsAtOnce }),
    ...(tiles === undefined ? {} : { tiles }),
    ...(unknown === undefined ? {} : { unknown: [...unknown] }),
    ...(imported === undefined ? {} : { imported }),
    sha256: digests.tensors,
    ...(digests.encoder === undefined ? {} : { encoder_sha256: digests.encoder }),
  };
  return write({ ...content, checksum: await checksumOf(content) });
}

function write(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Of everything else in the file: a changed learning rate or step would be taken for what it says. */
function checksumOf(content: object): Promise<string> {
  return sha256(new TextEncoder().encode(write(content)));
}

/** state.json as it was written, whole. */
export interface SealedState {
  readonly format: number;
  readonly content: Readonly<Record<string, unknown>>;
  readonly digests: Digests;
}

/**
 * Whether state.json is whole, and of a format that is known here.
 * @throws MocoError checkpoint-invalid
 */
export async function openState(text: string): Promise<SealedState> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MocoError('checkpoint-invalid', 'state.json is not JSON', { cause });
  }
  // Another format may have other checksums.
  const { format_version: format } = parsed(v.looseObject({ format_version: v.unknown() }), json);
  if (typeof format === 'number') checkFormat(format);
  const seal = parsed(SealSchema, json);
  const { checksum, ...content } = json as Record<string, unknown>;
  if ((await checksumOf(content)) !== checksum) {
    throw new MocoError('checkpoint-invalid', 'state.json has been altered: its checksum does not fit');
  }
  const { sha256: tensors, encoder_sha256: encoder } = seal;
  const digests = { tensors, ...(encoder === undefined ? {} : { encoder }) };
  return { format: seal.format_version, content, digests };
}

/**
 * The state that state.json tells of.
 * @param content in the format of today
 * @throws MocoError checkpoint-invalid saying which field is wrong
 */
export function readState(content: Readonly<Record<string, unknown>>, digests: Digests): RunState {
  const { config: saved, generator, ...rest } = parsed(StateSchema, content);
  const config = parseSettings(saved);
  const refuse = (what: string): never => {
    throw new MocoError('checkpoint-invalid', `state.json: ${what}`);
  };
  if (generator.algorithm !== GENERATOR) {
    refuse(
      `the run draws its random numbers from ${generator.algorithm}, this package has ${GENERATOR} alone`,
    );
  }
  if (generator.seed !== config.seed) refuse('the seeds of generator and config differ');
  if ((digests.encoder !== undefined) !== isImported(config.arch)) {
    refuse(`${config.arch} and encoder_sha256 do not fit`);
  }
  return { config, generator, ...rest };
}

function parsed<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? 'content';
  throw new MocoError('checkpoint-invalid', `state.json: ${path}: ${issue.message}`);
}
