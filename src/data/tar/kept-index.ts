/**
 * The index of tar shards as bytes, so that a run's later starts read no headers. It goes with exactly the shards that it was
 * made of, by name, size and time; and as anybody may have written it, whatever it says is held against these shards.
 *
 *     "MOCOTAR1" | CRC-32 of all that follows | bytes of the head | the head, JSON |
 *     of each split: shard, block, size, label of each image, where its name ends, in 32 bits each; all names
 *
 * Little-endian. A later moco-web may tell classes and splits otherwise: an index is for the version that has made it.
 */
import * as v from 'valibot';
import { version } from '../../../package.json';
import { crc32 } from '../../crc32.ts';
import { MocoError } from '../../errors.ts';
import { packBytes } from '../shared.ts';
import type { Found } from '../sources/source.ts';
import { BLOCK } from './members.ts';
import { baseOf, type ShardStamp, stampsOf, type TarShardsSpec } from './shards-spec.ts';

const MAGIC = new TextEncoder().encode('MOCOTAR1');
const HEAD_AT = MAGIC.length + 8;
const MOST_HEAD_BYTES = 2 ** 26;
/** Ten million images, with names of eighty characters. */
const MOST_BYTES = 2 ** 30;
/** Beside what grows with the shards: the head. */
const SPARE_BYTES = 2 ** 20;

/** More than the index of these shards can take: each image takes at least as much of a shard. */
export function mostIndexBytes(shards: readonly ShardStamp[]): number {
  return Math.min(MOST_BYTES, SPARE_BYTES + 2 * shards.reduce((sum, { bytes }) => sum + bytes, 0));
}

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_BYTES));
const Split = v.object({ images: Count, nameBytes: Count, hasLabels: v.boolean() });
const Head = v.object({
  version: v.string(),
  shards: v.array(v.object({ name: v.string(), bytes: v.number(), changed: v.number() })),
  classes: v.array(v.string()),
  notes: v.array(v.string()),
  testProblem: v.nullable(v.string()),
  train: Split,
  test: v.nullable(Split),
});
type Head = v.InferOutput<typeof Head>;

/** @throws MocoError data-invalid where it is larger than what is read again */
export function encodeIndex(found: Omit<Found<TarShardsSpec>, 'imageSize'>): Uint8Array<ArrayBuffer> {
  const { train, test, classes, testProblem = null, notes = [] } = found;
  const facts = ({ size, members, labels }: TarShardsSpec) => ({
    ...{ images: size.length, nameBytes: members.bytes.length, hasLabels: labels !== null },
  });
  const head: Head = {
    version,
    shards: stampsOf(train),
    ...{ classes, notes: [...notes], testProblem },
    train: facts(train),
    test: test && facts(test),
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const parts = [train, ...(test ? [test] : [])].flatMap(({ shard, block, size, labels, members }) => [
    ...[shard, block, size, ...(labels ? [labels] : []), members.ends].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
    members.bytes,
  ]);
  const length = parts.reduce((sum, part) => sum + part.length, HEAD_AT + text.length);
  if (text.length > MOST_HEAD_BYTES || length > mostIndexBytes(head.shards))
    throw new MocoError('data-invalid', `it would have ${length} bytes`);
  const bytes = new Uint8Array(length);
  bytes.set(MAGIC);
  let at = HEAD_AT;
  for (const part of [text, ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  const numbers = new DataView(bytes.buffer);
  numbers.setUint32(MAGIC.length + 4, text.length, true);
  numbers.setUint32(MAGIC.length, crc32(bytes.subarray(MAGIC.length + 4)), true);
  return bytes;
}

/**
 * @param name of the file, for messages
 * @param shards as they lie there now, in `root`
 * @throws MocoError data-invalid — it is not the index of these shards
 */
export function decodeIndex(
  name: string,
  bytes: Uint8Array,
  root: string,
  shards: readonly ShardStamp[],
): Found<TarShardsSpec> {
  try {
    return decoded(bytes, root, shards);
  } catch (cause) {
    if (!(cause instanceof Unfit)) throw cause;
    throw new MocoError('data-invalid', `${name} ${cause.message}`, { cause });
  }
}

/** What a file is, in words that follow its name. */
class Unfit extends Error {}
const damaged = () => new Unfit('is damaged');

function decoded(bytes: Uint8Array, root: string, shards: readonly ShardStamp[]): Found<TarShardsSpec> {
  const { head, end } = headOf(bytes);
  expectSame(head.shards, shards);
  const { classes, notes, testProblem, train, test } = head;
  const rest = new Rest(bytes, end);
  const bytesOf = ({ images, nameBytes, hasLabels }: v.InferOutput<typeof Split>) =>
    images * (hasLabels ? 20 : 16) + nameBytes;
  // Before anything of that size is made.
  if (train.images === 0 || bytesOf(train) + (test ? bytesOf(test) : 0) !== bytes.length - end) {
    throw damaged();
  }
  const base = baseOf(root, shards);
  const specOf = ({ images, nameBytes, hasLabels }: v.InferOutput<typeof Split>): TarShardsSpec => {
    const spec: TarShardsSpec = {
      ...base,
      ...{ shard: rest.integers(images), block: rest.integers(images), size: rest.integers(images) },
      labels: hasLabels ? rest.integers(images) : null,
      members: { ends: new Uint32Array(rest.integers(images).buffer), bytes: rest.bytes(nameBytes) },
    };
    check(spec, shards, classes.length);
    return spec;
  };
  return { train: specOf(train), test: test && specOf(test), classes, imageSize: null, testProblem, notes };
}

function headOf(bytes: Uint8Array): { head: Head; end: number } {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new Unfit('is no index of tar archives');
  if (bytes.length < HEAD_AT) throw damaged();
  const numbers = new DataView(bytes.buffer, bytes.byteOffset);
  const length = numbers.getUint32(MAGIC.length + 4, true);
  const end = HEAD_AT + length;
  const sum = crc32(bytes.subarray(MAGIC.length + 4));
  if (sum !== numbers.getUint32(MAGIC.length, true) || end > bytes.length || length > MOST_HEAD_BYTES)
    throw damaged();
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(HEAD_AT, end)));
  } catch {
    throw damaged();
  }
  const made = v.safeParse(v.object({ version: v.string() }), json);
  if (made.success && made.output.version !== version)
    throw new Unfit(`is of moco-web ${made.output.version}`);
  const head = v.safeParse(Head, json);
  if (!head.success) throw damaged();
  return { head: head.output, end };
}

function expectSame(kept: readonly ShardStamp[], shards: readonly ShardStamp[]): void {
  if (kept.length !== shards.length) throw new Unfit('is of other archives');
  for (const [i, { name, bytes, changed }] of shards.entries()) {
    const before = kept[i]!;
    if (before.name !== name) throw new Unfit('is of other archives');
    if (before.bytes !== bytes) throw new Unfit(`is of another ${name}, of ${before.bytes} bytes`);
    if (before.changed !== changed) throw new Unfit(`is older than ${name}, which has changed`);
  }
}

/** What follows the head, part by part. */
class Rest {
  readonly #all: Uint8Array;
  #at: number;

  constructor(all: Uint8Array, at: number) {
    this.#all = all;
    this.#at = at;
  }

  bytes(count: number): Uint8Array {
    this.#at += count;
    return packBytes(this.#all.subarray(this.#at - count, this.#at));
  }

  integers(count: number): Int32Array {
    return new Int32Array(this.bytes(4 * count).buffer);
  }
}

/** That each image lies in a shard, has a class that there is, and a name. */
function check(spec: TarShardsSpec, shards: readonly ShardStamp[], classes: number): void {
  const { shard, block, size, labels, members } = spec;
  let before = 0;
  for (const [i, end] of members.ends.entries()) {
    const bytes = shards[shard[i]!]?.bytes ?? -1;
    const isInside = block[i]! >= 0 && size[i]! >= 0 && block[i]! * BLOCK + size[i]! <= bytes;
    const label = labels?.[i] ?? -1;
    if (!isInside || label < -1 || label >= classes || end < before) throw damaged();
    before = end;
  }
  if (before !== members.bytes.length) throw damaged();
}
