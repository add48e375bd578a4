/** Files of torch.save: what they hold, and the values of a tensor when they are asked for. */
import type { ByteSource } from '../../runtime/byte-source.ts';
import type { NamedTensor } from '../safetensors.ts';
import { isLegacy, openLegacy } from './legacy.ts';
import { floats, isFloat, valuesOf, wholes } from './tensor.ts';
import { PickleCutShort, unpickle } from './unpickle.ts';
import {
  ELEMENT_TYPES,
  type FindStorage,
  type Storage,
  type StoragePlace,
  type StoredTensor,
  unreadable,
} from './values.ts';
import { readZip, type ZipEntry } from './zip.ts';

export interface PytorchFile {
  readonly format: 'zip' | 'legacy';
  /** What was saved: dictionaries are maps, lists and tuples arrays, tensors StoredTensor. */
  readonly value: unknown;
  /**
   * A tensor's values in row-major order: float types as float32, whole numbers as int64.
   * @throws MocoError data-invalid where the file is cut short or damaged
   */
  read(tensor: StoredTensor): Promise<NamedTensor>;
  /** The value of a tensor of one element, exactly. @throws as `read` */
  number(tensor: StoredTensor): Promise<number>;
}

/** Views may repeat their storage: of small files so many bytes may be asked for all the same. */
const LEAST_BUDGET = 2 ** 26;
const MOST_PICKLE_BYTES = 2 ** 26;

/** Whether a file begins as those of torch.save do. */
export function isPytorch(head: Uint8Array): boolean {
  return isZip(head) || isLegacy(head);
}

const isZip = (head: Uint8Array) => head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;

/**
 * @param source stays open: tensors are read from it
 * @throws MocoError data-invalid saying what cannot be read or is refused
 */
export async function openPytorch(source: ByteSource): Promise<PytorchFile> {
  const head = await source.read(0, Math.min(source.size, 16));
  const { format, value, find } = isZip(head)
    ? { format: 'zip' as const, ...(await openZip(source)) }
    : { format: 'legacy' as const, ...(await openLegacy(source)) };
  let left = Math.max(LEAST_BUDGET, 8 * source.size);
  return {
    format,
    value,
    async read(tensor) {
      left -= tensor.count * (isFloat(tensor.storage.type) ? 4 : 8);
      if (left < 0) throw unreadable('tensors that repeat their values without end');
      return valuesOf(tensor, (first, count) => elements(source, find, tensor.storage, first, count));
    },
    async number({ storage, offset }) {
      const bytes = await elements(source, find, storage, offset, 1);
      return Number((isFloat(storage.type) ? floats : wholes)(storage.type, bytes)[0]);
    },
  };
}

async function elements(
  source: ByteSource,
  find: FindStorage,
  storage: Storage,
  first: number,
  count: number,
) {
  const bytes = ELEMENT_TYPES[storage.type];
  const { begin, isIntact } = await find(storage);
  const raw = await source.read(begin + (storage.base + first) * bytes, count * bytes);
  const isWhole = first === 0 && count === storage.length && storage.base === 0;
  if (isWhole && isIntact?.(raw) === false) {
    throw unreadable(`storage ${storage.key} is damaged: its checksum does not fit`);
  }
  return raw;
}

async function openZip(source: ByteSource): Promise<{ value: unknown; find: FindStorage }> {
  const entries = await readZip(source);
  const isPickle = (name: string) => /^[^/]*\/data\.pkl$/.test(name);
  const pickle = [...entries.values()].find(({ name }) => isPickle(name));
  if (!pickle)
    throw unreadable('an archive without data.pkl: TorchScript archives and other zips are not read');
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await readWhole(source, order, 16)).trim() !== 'little') {
    throw unreadable('it was written on a big-endian machine');
  }
  const bytes = await readWhole(source, pickle, MOST_PICKLE_BYTES);
  try {
    return { value: unpickle(bytes).value, find: (storage) => findEntry(entries, folder, storage) };
  } catch (error) {
    throw error instanceof PickleCutShort ? unreadable('its pickle is cut short') : error;
  }
}

async function findEntry(
  entries: ReadonlyMap<string, ZipEntry>,
  folder: string,
  storage: Storage,
): Promise<StoragePlace> {
  const { key, length, base, type } = storage;
  const entry = entries.get(`${folder}data/${key}`);
  const needed = (base + length) * ELEMENT_TYPES[type];
  if (!entry) throw unreadable(`storage ${key.slice(0, 100)} is missing`);
  if (entry.size < needed) throw unreadable(`storage ${key} has ${entry.size} bytes, ${needed} are needed`);
  const whole = entry.size === needed;
  return { begin: await entry.place(), ...(whole ? { isIntact: entry.isIntact } : {}) };
}

async function readWhole(source: ByteSource, entry: ZipEntry, limit: number): Promise<Uint8Array> {
  if (entry.size > limit)
    throw unreadable(`${entry.name} has ${entry.size} bytes, at most ${limit} are read`);
  const bytes = await source.read(await entry.place(), entry.size);
  if (!entry.isIntact(bytes)) throw unreadable(`${entry.name} is damaged: its checksum does not fit`);
  return bytes;
}
