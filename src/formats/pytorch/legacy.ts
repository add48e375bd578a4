/**
 * The stream that torch.save wrote before 1.6: five pickles (a magic number, the protocol's, what machine wrote it, what was
 * saved, the keys of its storages), then of each storage the number of its elements and their bytes.
 */
import type { ByteSource } from '../../runtime/byte-source.ts';
import { PickleCutShort, unpickle } from './unpickle.ts';
import { ELEMENT_TYPES, type FindStorage, isDictionary, type Storage, unreadable } from './values.ts';

/** 0x1950a86a20f9469cfc6c as a pickle of protocol 2 and up has it, after that protocol's own two bytes. */
const MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL = 1001;
const FIRST_WINDOW = 2 ** 20;
const MOST_PICKLE_BYTES = 2 ** 26;

export function isLegacy(head: Uint8Array): boolean {
  return head[0] === 0x80 && MAGIC.every((byte, i) => head[2 + i] === byte);
}

export async function openLegacy(source: ByteSource): Promise<{ value: unknown; find: FindStorage }> {
  if (!isLegacy(await source.read(0, Math.min(source.size, 16)))) {
    throw unreadable('it begins neither as a zip nor as a legacy stream of torch.save');
  }
  const { protocol, machine, saved, keys, end } = await pickles(source);
  if (protocol !== PROTOCOL) throw unreadable(`a legacy stream of version ${String(protocol)}`);
  if (!isDictionary(machine) || machine.get('little_endian') !== true)
    throw unreadable('it was written on a big-endian machine');
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
    throw unreadable('a legacy stream without keys');
  const { value, storages } = saved;
  let places: Promise<ReadonlyMap<string, Place>> | null = null;
  const find: FindStorage = async ({ key, base, length }) => {
    places ??= findAll(source, keys, storages, end);
    const place = (await places).get(key);
    if (!place) throw unreadable(`storage ${key.slice(0, 100)} is missing`);
    if (base + length > place.count)
      throw unreadable(`storage ${key} has ${place.count} elements, ${base + length} are needed`);
    return place;
  };
  return { value, find };
}

interface Place {
  readonly begin: number;
  /** Elements. */
  readonly count: number;
}

/** Goes over the storages from one to the next: of each the file says how long it is. */
async function findAll(
  source: ByteSource,
  keys: readonly string[],
  storages: ReadonlyMap<string, Storage>,
  start: number,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let at = start;
  for (const key of keys) {
    const type = storages.get(key)?.type;
    if (type === undefined || places.has(key))
      throw unreadable(`storage ${key.slice(0, 100)} belongs to no tensor`);
    const count = Number(new DataView((await source.read(at, 8)).buffer).getBigInt64(0, true));
    const end = at + 8 + count * ELEMENT_TYPES[type];
    if (count < 0 || end > source.size) {
      throw unreadable(`storage ${key} is cut short: it should end at byte ${end} of ${source.size}`);
    }
    places.set(key, { begin: at + 8, count });
    at = end;
  }
  return places;
}

/** Reads more of the file until the pickles end. */
async function pickles(source: ByteSource) {
  for (let window = FIRST_WINDOW; ; window *= 4) {
    const bytes = await source.read(0, Math.min(source.size, window, MOST_PICKLE_BYTES));
    try {
      let end = 0;
      const next = () => {
        const unpickled = unpickle(bytes, end);
        end = unpickled.end;
        return unpickled;
      };
      next();
      const [protocol, machine, saved, keys] = [next().value, next().value, next(), next().value];
      return { protocol, machine, saved, keys: keys as unknown, end };
    } catch (error) {
      if (!(error instanceof PickleCutShort)) throw error;
      if (bytes.length === source.size) throw unreadable('its pickles are cut short');
      if (bytes.length === MOST_PICKLE_BYTES)
        throw unreadable(`pickles of more than ${MOST_PICKLE_BYTES} bytes`);
    }
  }
}
