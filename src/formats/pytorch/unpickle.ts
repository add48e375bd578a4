/**
 * A pickle as data: the operations of protocols 2 to 5 that weights need (Python's pickletools.py documents them), and no
 * others. Nothing is imported or called: `globals.ts` has the names that are known and what they stand for. What a pickle
 * may hold is bounded, and there is no recursion: a deep one takes as much as a long one.
 */
import { called, globalNamed, storageOf } from './globals.ts';
import { type Storage, unreadable } from './values.ts';

/** Ten thousand tensors take half a million of them. */
const MOST_OPERATIONS = 4_000_000;
/** Lists, tuples, dictionaries. */
const MOST_CONTAINERS = 1_000_000;
const MOST_DICTIONARIES = 100_000;
/** Bytes of a whole number; ids of Python objects take 8. */
const MOST_WHOLE_BYTES = 16;

/** Thrown where the bytes end before the pickle: there may be more of them. */
export class PickleCutShort extends Error {}

export interface Unpickled {
  readonly value: unknown;
  /** Where what follows begins. */
  readonly end: number;
  /** The storages that it refers to, by their keys. */
  readonly storages: ReadonlyMap<string, Storage>;
}

/** @throws MocoError data-invalid saying what is refused; PickleCutShort */
export function unpickle(bytes: Uint8Array, start = 0): Unpickled {
  const machine = new Machine(bytes, start);
  return { value: machine.run(), end: machine.position, storages: machine.storages };
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position: number;
  readonly storages = new Map<string, Storage>();
  readonly #stack: unknown[] = [];
  /** Heights of the stack. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #containers = 0;
  #dictionaries = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
  }

  run(): unknown {
    for (let operations = 0; operations < MOST_OPERATIONS; operations++) {
      const code = this.#byte();
      if (code === 0x2e) return this.#pop(); // STOP
      const operation = OPERATIONS.get(code);
      if (!operation)
        throw unreadable(`operation 0x${code.toString(16)} at byte ${this.position - 1} of the pickle`);
      operation(this);
    }
    throw unreadable(`a pickle of more than ${MOST_OPERATIONS} operations`);
  }

  // What the operations are made of.

  #take(length: number): number {
    const at = this.position;
    if (length > this.#bytes.length - at) throw new PickleCutShort();
    this.position += length;
    return at;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  number(bytes: 1 | 2 | 4): number {
    const at = this.#take(bytes);
    if (bytes === 1) return this.#bytes[at]!;
    return bytes === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  float(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  length64(): number {
    const length = this.#view.getBigUint64(this.#take(8), true);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw unreadable(`a length of ${length}`);
    return Number(length);
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    return UTF8.decode(this.raw(length));
  }

  /** Of Python 2, whose texts were bytes. */
  latin(length: number): string {
    return LATIN.decode(this.raw(length));
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleCutShort();
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  /** Two's complement, little-endian. Beyond what a number holds, it stays a bigint. */
  whole(length: number): number | bigint {
    if (length > MOST_WHOLE_BYTES) throw unreadable(`a whole number of ${length} bytes`);
    let value = 0n;
    for (const [i, byte] of this.raw(length).entries()) value |= BigInt(byte) << BigInt(8 * i);
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  #pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      throw unreadable('a pickle that takes more than it has put');
    return this.#stack.pop();
  }

  pop(): unknown {
    return this.#pop();
  }

  top(): unknown {
    const value = this.#pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  toMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw unreadable('a pickle without a mark where one is needed');
    return this.#stack.splice(mark);
  }

  last(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  list(values: unknown[]): void {
    if (++this.#containers > MOST_CONTAINERS) throw unreadable(`more than ${MOST_CONTAINERS} lists`);
    this.push(values);
  }

  dictionary(values: unknown): void {
    if (++this.#dictionaries > MOST_DICTIONARIES)
      throw unreadable(`more than ${MOST_DICTIONARIES} dictionaries`);
    this.push(values);
  }

  remember(index: number): void {
    this.#memo.set(index, this.top());
  }

  get memoSize(): number {
    return this.#memo.size;
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) throw unreadable(`a reference to ${index}, which was not remembered`);
    this.push(this.#memo.get(index));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw unreadable('it appends to what is no list');
    for (const value of values) list.push(value);
  }

  set(pairs: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map)) throw unreadable('it sets items of what is no dictionary');
    if (pairs.length % 2 !== 0) throw unreadable('a dictionary with a key that has no value');
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
  }

  /** State of an OrderedDict, such as `_metadata` of a state_dict: nothing here needs it. */
  build(): void {
    const state = this.#pop();
    if (!(this.top() instanceof Map) || !(state instanceof Map))
      throw unreadable('it sets the state of an object');
  }

  storage(): void {
    const storage = storageOf(this.#pop());
    this.storages.set(storage.key, storage);
    this.push(storage);
  }

  reduce(): void {
    const args = this.#pop();
    const value = called(this.#pop(), args);
    if (value instanceof Map) this.dictionary(value);
    else this.push(value);
  }
}

const UTF8 = new TextDecoder('utf-8');
const LATIN = new TextDecoder('latin1');

const memoize = (m: Machine) => m.remember(m.memoSize);

const OPERATIONS: ReadonlyMap<number, (machine: Machine) => void> = new Map<
  number,
  (machine: Machine) => void
>([
  [0x80, protocol],
  [0x95, (m) => void m.length64()], // FRAME
  [0x28, (m) => m.mark()],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.toMark()], // POP_MARK
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x4b, (m) => m.push(m.number(1))], // BININT1
  [0x4d, (m) => m.push(m.number(2))], // BININT2
  [0x4a, (m) => m.push(m.int32())], // BININT
  [0x8a, (m) => m.push(m.whole(m.number(1)))], // LONG1
  [0x47, (m) => m.push(m.float())], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.number(4)))], // BINUNICODE
  [0x8c, (m) => m.push(m.text(m.number(1)))], // SHORT_BINUNICODE
  [0x55, (m) => m.push(m.latin(m.number(1)))], // SHORT_BINSTRING
  [0x54, (m) => m.push(m.latin(m.number(4)))], // BINSTRING
  [0x43, (m) => m.push(m.raw(m.number(1)).slice())], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.raw(m.number(4)).slice())], // BINBYTES
  [0x29, (m) => m.list([])], // EMPTY_TUPLE
  [0x5d, (m) => m.list([])], // EMPTY_LIST
  [0x74, (m) => m.list(m.toMark())], // TUPLE
  [0x6c, (m) => m.list(m.toMark())], // LIST
  [0x85, (m) => m.list(m.last(1))],
  [0x86, (m) => m.list(m.last(2))],
  [0x87, (m) => m.list(m.last(3))],
  [0x7d, (m) => m.dictionary(new Map())], // EMPTY_DICT
  [0x8f, (m) => m.list([])], // EMPTY_SET
  [0x90, appendMarked], // ADDITEMS
  [0x61, (m) => m.append(m.last(1))], // APPEND
  [0x65, appendMarked], // APPENDS
  [0x73, setOne], // SETITEM
  [0x75, setMarked], // SETITEMS
  [0x71, (m) => m.remember(m.number(1))], // BINPUT
  [0x72, (m) => m.remember(m.number(4))], // LONG_BINPUT
  [0x94, memoize], // MEMOIZE
  [0x68, (m) => m.recall(m.number(1))], // BINGET
  [0x6a, (m) => m.recall(m.number(4))], // LONG_BINGET
  [0x63, (m) => m.push(globalNamed(m.line(), m.line()))], // GLOBAL
  [0x93, stackGlobal],
  [0x52, (m) => m.reduce()], // REDUCE
  [0x81, (m) => m.reduce()], // NEWOBJ: of the list, it makes what a call makes
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.storage()], // BINPERSID
]);

function protocol(m: Machine): void {
  const version = m.number(1);
  if (version < 2 || version > 5) throw unreadable(`a pickle of protocol ${version}`);
}

function appendMarked(m: Machine): void {
  m.append(m.toMark());
}

function setOne(m: Machine): void {
  m.set(m.last(2));
}

function setMarked(m: Machine): void {
  m.set(m.toMark());
}

function stackGlobal(m: Machine): void {
  const [module, name] = m.last(2);
  if (typeof module !== 'string' || typeof name !== 'string')
    throw unreadable('a global whose name is no text');
  m.push(globalNamed(module, name));
}
