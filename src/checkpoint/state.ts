import * as v from 'valibot';
import { MocoError } from '../errors.ts';
import { isImported, type PretrainConfig } from '../settings/config.ts';
import { parseConfig } from '../settings/schema.ts';
import { sha256 } from './digest.ts';

/** The version of state.json that this code writes, and the only one it reads. */
export const FORMAT_VERSION = 1;

/** Where a run stood. Numbers come from one counter-based generator, so its whole state is the seed and the place. */
export interface RunState {
  config: PretrainConfig;
  /** Steps done, over the whole run. */
  step: number;
  /** The epoch that the next step belongs to, counted from 0. */
  epoch: number;
  /** The row of the queue that the next key goes to. */
  queuePointer: number;
  sampler: SamplerState;
  generator: { algorithm: string; seed: number };
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
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const StateSchema = v.object({
  format_version: v.literal(FORMAT_VERSION),
  config: v.unknown(),
  step: count,
  epoch: count,
  queue_ptr: count,
  sampler: v.object({
    dataset: v.pipe(v.string(), v.maxLength(64)),
    path: v.nullable(v.pipe(v.string(), v.maxLength(4096))),
    images: count,
    stepInEpoch: count,
  }),
  generator: v.object({ algorithm: v.pipe(v.string(), v.maxLength(64)), seed: count }),
  sha256: digest,
  encoder_sha256: v.exactOptional(digest),
  checksum: digest,
});

/** sha256 of the other files of a checkpoint, in hex. */
export interface Digests {
  /** model.safetensors */
  readonly tensors: string;
  /** encoder.onnx, which checkpoints of imported encoders have. */
  readonly encoder?: string;
}

/** The text of state.json. */
export async function formatState(state: RunState, digests: Digests): Promise<string> {
  const { config, step, epoch, sampler, generator } = state;
  const content: Omit<v.InferInput<typeof StateSchema>, 'checksum'> = {
    format_version: FORMAT_VERSION,
    config,
    step,
    epoch,
    queue_ptr: state.queuePointer,
    sampler,
    generator,
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

/** @throws MocoError checkpoint-invalid saying which field is wrong */
export async function parseState(text: string): Promise<{ state: RunState; digests: Digests }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MocoError('checkpoint-invalid', 'state.json is not JSON', { cause });
  }
  const parsed = v.safeParse(StateSchema, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new MocoError(
      'checkpoint-invalid',
      `state.json: ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`,
    );
  }
  const { checksum, ...rest } = json as Record<string, unknown>;
  if ((await checksumOf(rest)) !== checksum) {
    throw new MocoError('checkpoint-invalid', 'state.json has been altered: its checksum does not fit');
  }
  const { step, epoch, queue_ptr: queuePointer, sampler, generator } = parsed.output;
  const config = parseConfig(parsed.output.config);
  if (queuePointer >= config.queueSize) {
    throw new MocoError(
      'checkpoint-invalid',
      `state.json: queue_ptr ${queuePointer} is outside a queue of ${config.queueSize}`,
    );
  }
  if (generator.seed !== config.seed) {
    throw new MocoError('checkpoint-invalid', 'state.json: the seeds of generator and config differ');
  }
  const { sha256: tensors, encoder_sha256: encoder } = parsed.output;
  if ((encoder !== undefined) !== isImported(config.arch)) {
    throw new MocoError('checkpoint-invalid', `state.json: ${config.arch} and encoder_sha256 do not fit`);
  }
  const digests = { tensors, ...(encoder === undefined ? {} : { encoder }) };
  return { state: { config, step, epoch, queuePointer, sampler, generator }, digests };
}
