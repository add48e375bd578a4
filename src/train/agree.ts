/** What ranks have to be of one mind about before a step, and how the files of rank 0 get to the others. */
import { type ErrorCode, MocoError, messageOf } from '../errors.ts';
import { nodeModule } from '../runtime/node.ts';
import { type Collective, sharedValues } from './collective.ts';

/** Bytes of what each rank says. */
const SAID = 2048;
/** Floats that are broadcast at once. */
const PIECE = 2 ** 24;

interface Said {
  readonly error?: { readonly code: ErrorCode | null; readonly message: string };
  readonly sees?: string;
}

/** An error that all ranks throw, so that one of them tells it. */
export class SharedError extends MocoError {}

/**
 * Does on every rank what may fail on some, and what has to come out the same.
 * @param sees of the outcome: what all ranks have to see, in words
 * @throws SharedError on all ranks, of the first rank that failed or that sees something else than rank 0
 */
export async function agreeOn<Result>(
  ranks: Collective,
  task: () => Promise<Result>,
  sees: (result: Result) => string,
): Promise<Result> {
  if (ranks.size === 1) return task();
  let result: Result | null = null;
  let own: Said;
  try {
    result = await task();
    own = { sees: sees(result) };
  } catch (error) {
    own = { error: { code: error instanceof MocoError ? error.code : null, message: messageOf(error) } };
  }
  const said = await tellAll(ranks, own);
  const failed = said.findIndex(({ error }) => error);
  if (failed >= 0) {
    const { code, message } = said[failed]!.error!;
    const isEverywhere = said.every(({ error }) => error?.message === message);
    throw new SharedError(code ?? 'worker-died', isEverywhere ? message : `rank ${failed}: ${message}`);
  }
  const other = said.findIndex(({ sees: seen }) => seen !== said[0]!.sees);
  if (other >= 0) {
    throw new SharedError(
      'config-mismatch',
      `rank ${other} has ${said[other]!.sees}, where rank 0 has ${said[0]!.sees}: give all ranks the same data, options and packages`,
    );
  }
  return result as Result;
}

async function tellAll(ranks: Collective, own: Said): Promise<Said[]> {
  const text = (said: Said) => new TextEncoder().encode(JSON.stringify(said));
  let bytes = text(own);
  if (bytes.length > SAID - 4) {
    const cut = (words?: string) => words?.slice(0, 300);
    bytes = text({
      ...(own.error && { error: { ...own.error, message: cut(own.error.message)! } }),
      ...(own.sees !== undefined && { sees: cut(own.sees)! }),
    });
  }
  const mine = sharedValues(SAID / 4);
  new DataView(mine.buffer).setUint32(0, bytes.length, true);
  new Uint8Array(mine.buffer, 4).set(bytes);
  const all = sharedValues((ranks.size * SAID) / 4);
  await ranks.gather(mine, all, 'before the first step');
  return Array.from({ length: ranks.size }, (_, rank) => {
    const length = new DataView(all.buffer).getUint32(rank * SAID, true);
    const first = rank * SAID + 4;
    // A decoder takes no shared memory.
    return JSON.parse(
      new TextDecoder().decode(new Uint8Array(all.buffer).slice(first, first + length)),
    ) as Said;
  });
}

/**
 * What rank 0 has made, on all ranks: plain data, maps and typed arrays.
 * @throws SharedError on all ranks what `make` throws on rank 0
 */
export async function ofFirstRank<Value>(ranks: Collective, make: () => Promise<Value>): Promise<Value> {
  if (ranks.size === 1) return make();
  const { serialize, deserialize } = await nodeModule('v8');
  let bytes = new Uint8Array();
  if (ranks.rank === 0) {
    try {
      bytes = serialize({ value: await make() });
    } catch (error) {
      const code = error instanceof MocoError ? error.code : null;
      bytes = serialize({ error: { code, message: messageOf(error) } });
    }
  }
  const length = sharedValues(2);
  // Two floats hold a number of bytes exactly: below 2⁴⁸.
  length.set([Math.floor(bytes.length / 2 ** 24), bytes.length % 2 ** 24]);
  await ranks.broadcast(length, 'what rank 0 has');
  const total = length[0]! * 2 ** 24 + length[1]!;
  const all = sharedValues(Math.ceil(total / 4));
  new Uint8Array(all.buffer).set(bytes);
  for (let first = 0; first < all.length; first += PIECE) {
    await ranks.broadcast(all.subarray(first, first + PIECE), 'what rank 0 has');
  }
  const got = deserialize(new Uint8Array(all.buffer).slice(0, total)) as {
    value: Value;
    error?: { code: ErrorCode | null; message: string };
  };
  if (got.error) throw new SharedError(got.error.code ?? 'worker-died', got.error.message);
  return got.value;
}

/** Whether it is so on any rank. */
export async function onAny(ranks: Collective, isSo: boolean): Promise<boolean> {
  if (ranks.size === 1) return isSo;
  const own = sharedValues(1).fill(isSo ? 1 : 0);
  const all = sharedValues(ranks.size);
  await ranks.gather(own, all, 'between two steps');
  return all.includes(1);
}

/**
 * Whether all ranks have the same bits.
 * @throws MocoError rank-failed, naming the first rank that has others than rank 0
 */
export async function expectSameEverywhere(
  ranks: Collective,
  arrays: Iterable<Float32Array>,
  what: string,
): Promise<void> {
  if (ranks.size === 1) return;
  const own = sharedValues(1);
  new Uint32Array(own.buffer)[0] = digestOf(arrays);
  const all = sharedValues(ranks.size);
  await ranks.gather(own, all, what);
  const digests = new Uint32Array(all.buffer);
  const other = digests.findIndex((digest) => digest !== digests[0]);
  if (other < 0) return;
  throw new SharedError(
    'rank-failed',
    `${what}: rank ${other} has other weights than rank 0: machines that compute differently, or a broken memory`,
  );
}

/** FNV-1a over words of 32 bits: it finds what differs by accident. */
function digestOf(arrays: Iterable<Float32Array>): number {
  let digest = 0x811c9dc5;
  for (const array of arrays) {
    const words = new Uint32Array(array.buffer, array.byteOffset, array.length);
    for (let i = 0; i < words.length; i++) digest = Math.imul(digest ^ words[i]!, 0x01000193);
  }
  return digest >>> 0;
}
