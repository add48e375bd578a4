/**
 * Plain data with large arrays in it, given to a worker piece by piece: copying a checkpoint whole would keep the giving
 * thread, a page's perhaps, busy for tenths of a second.
 */
import * as comlink from 'comlink';
import { MocoError } from '../errors.ts';

/** Copied within a few milliseconds. */
const PIECE_BYTES = 2 ** 22;
/** Arrays up to this many bytes go with the rest. */
const SMALL_BYTES = 2 ** 14;

const KINDS = { Float32Array, Float64Array, Int32Array, Uint8Array, Uint16Array, BigInt64Array };
type Kind = keyof typeof KINDS;

/** A value whose large arrays have been given before; `PieceReceiver.unpack` gives it back. */
export interface Parcel<Value> {
  readonly content: unknown;
  /** Of what type it is; never there. */
  readonly of?: Value;
}

/** In the content of a parcel, where an array was: its index and kind. Plain data has no sets, so none is taken for one. */
type Place = ReadonlySet<number | Kind>;

/** The end that is given a parcel. */
export class PieceReceiver {
  readonly #arrays: Uint8Array<ArrayBuffer>[] = [];

  /** Takes bytes of array `index`, from `start` on; with the first of them it learns how many there will be. */
  add(index: number, byteLength: number, start: number, piece: Uint8Array): void {
    if (start === 0) this.#arrays[index] = new Uint8Array(byteLength);
    this.#arrays[index]?.set(piece, start);
  }

  /** The value that was packed. Its arrays are forgotten here. */
  unpack<Value>({ content }: Parcel<Value>): Value {
    const arrays = this.#arrays.splice(0);
    return replaced(content, (part) => {
      if (!(part instanceof Set)) return undefined;
      const [index, kind] = [...(part as Place)] as [number, Kind];
      const bytes = arrays[index];
      if (!bytes) throw new MocoError('usage', `array ${index} of a parcel has not been given`);
      return new KINDS[kind](bytes.buffer);
    }) as Value;
  }
}

/**
 * Gives the large arrays of a value to its receiver, one piece at a time, each copied from arrays that stay as they are.
 * @param value plain data: objects, arrays, maps and typed arrays
 * @param add calls `add` of the receiver
 * @returns what is left, to be posted and then unpacked
 */
export async function inPieces<Value>(
  value: Value,
  add: (...piece: Parameters<PieceReceiver['add']>) => Promise<void>,
): Promise<Parcel<Value>> {
  const large: Uint8Array[] = [];
  const content = replaced(value, (part) => {
    const kind = kindOf(part);
    if (kind === null) return undefined;
    const numbers = part as InstanceType<(typeof KINDS)[Kind]>;
    const { buffer, byteOffset, byteLength } = numbers;
    // A view that is posted takes all of its buffer along.
    if (byteLength <= SMALL_BYTES) return numbers.slice();
    const index = large.push(new Uint8Array(buffer, byteOffset, byteLength)) - 1;
    return new Set([index, kind]) satisfies Place;
  });
  for (const [index, array] of large.entries()) {
    for (let start = 0; start < array.length; start += PIECE_BYTES) {
      const piece = array.slice(start, start + PIECE_BYTES);
      await add(index, array.length, start, comlink.transfer(piece, [piece.buffer]));
    }
  }
  return { content };
}

/** For the way back, where nothing has to be kept: all arrays in a value change hands, and none is copied. */
export function givenAway<Value>(value: Value): Value {
  const buffers = new Set<ArrayBuffer>();
  replaced(value, (part) => {
    if (!ArrayBuffer.isView(part)) return undefined;
    if (part.buffer instanceof ArrayBuffer) buffers.add(part.buffer);
    return part;
  });
  return comlink.transfer(value as object, [...buffers]) as Value;
}

/** A copy of the containers of a value in which each part is what `replace` makes of it, where it makes anything. */
function replaced(value: unknown, replace: (part: unknown) => unknown): unknown {
  const other = replace(value);
  if (other !== undefined) return other;
  const inner = (part: unknown) => replaced(part, replace);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, inner(part)]));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(part)]));
}

function kindOf(value: unknown): Kind | null {
  const kinds = Object.keys(KINDS) as Kind[];
  return kinds.find((kind) => value instanceof KINDS[kind]) ?? null;
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
