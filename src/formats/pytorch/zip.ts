/**
 * The archives of torch.save, read where they lie: the list of entries at the end, then each entry when it is asked for.
 * (fflate, which writes them, reads an archive only as a whole.) Entries are stored, never compressed, so nothing can grow.
 * Source: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 and 4.5.3.
 */

import { crc32 } from '../../crc32.ts';
import type { ByteSource } from '../../runtime/byte-source.ts';
import { unreadable } from './values.ts';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const LISTED = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const MOST_COMMENT = 0xffff;
/** A hundred times those of a ResNet-50 with all its momentum. */
const MOST_ENTRIES = 100_000;
const MOST_LIST_BYTES = 2 ** 25;
const SYMBOLIC_LINK = 0o12;

export interface ZipEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether it has the checksum that the archive says. Takes its bytes, all of them. */
  isIntact(bytes: Uint8Array): boolean;
  /** Where its bytes begin in the file. @throws MocoError data-invalid */
  place(): Promise<number>;
}

interface Listed {
  readonly name: string;
  readonly size: number;
  readonly crc: number;
  readonly header: number;
}

/** The entries by name. @throws MocoError data-invalid */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { count, at, bytes } = await findList(source);
  if (count > MOST_ENTRIES || bytes > MOST_LIST_BYTES) throw unreadable(`an archive of ${count} entries`);
  if (at + bytes > source.size) throw unreadable('an archive whose list lies beyond its end');
  const list = await source.read(at, bytes);
  const entries = new Map<string, ZipEntry>();
  let position = 0;
  for (let i = 0; i < count; i++) {
    const { entry, next } = listedAt(list, position);
    if (entries.has(entry.name)) throw unreadable(`two entries of the name ${entry.name}`);
    if (entry.header + entry.size > source.size) throw unreadable(`entry ${entry.name} lies beyond the end`);
    entries.set(entry.name, entryOf(source, entry));
    position = next;
  }
  return entries;
}

async function findList(source: ByteSource): Promise<{ count: number; at: number; bytes: number }> {
  const length = Math.min(source.size, END_BYTES + MOST_COMMENT + LOCATOR_BYTES);
  const tail = await source.read(source.size - length, length);
  const view = viewOf(tail);
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END || view.getUint16(at + 20, true) !== length - at - END_BYTES)
      continue;
    const locator = at - LOCATOR_BYTES;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
      return list64(source, safe(view.getBigUint64(locator + 8, true)));
    }
    return {
      count: view.getUint16(at + 10, true),
      bytes: view.getUint32(at + 12, true),
      at: view.getUint32(at + 16, true),
    };
  }
  throw unreadable('an archive without its end: the file is cut short');
}

async function list64(source: ByteSource, at: number) {
  const view = viewOf(await source.read(at, 56));
  if (view.getUint32(0, true) !== END_64) throw unreadable('a broken archive');
  const number = (offset: number) => safe(view.getBigUint64(offset, true));
  return { count: number(32), bytes: number(40), at: number(48) };
}

function listedAt(list: Uint8Array, position: number): { entry: Listed; next: number } {
  const view = viewOf(list);
  const fixed = position + 46;
  if (fixed > list.length || view.getUint32(position, true) !== LISTED)
    throw unreadable('a broken list of entries');
  const nameEnd = fixed + view.getUint16(position + 28, true);
  const extraEnd = nameEnd + view.getUint16(position + 30, true);
  const next = extraEnd + view.getUint16(position + 32, true);
  if (next > list.length) throw unreadable('a broken list of entries');
  const name = nameOf(list.subarray(fixed, nameEnd));
  const flags = view.getUint16(position + 8, true);
  const method = view.getUint16(position + 10, true);
  const attributes = view.getUint32(position + 38, true) >>> 28;
  if (flags & 1) throw unreadable(`entry ${name} is encrypted`);
  if (method !== 0) {
    throw unreadable(
      `entry ${name} is compressed, which torch.save never does: unpack the archive, pack it without`,
    );
  }
  if (attributes === SYMBOLIC_LINK) throw unreadable(`entry ${name} is a symbolic link`);
  const packed = view.getUint32(position + 20, true);
  const size = view.getUint32(position + 24, true);
  const header = view.getUint32(position + 42, true);
  const long = longNumbers(list.subarray(nameEnd, extraEnd), [size, packed, header]);
  if (long[0] !== long[1]) throw unreadable(`entry ${name} has two sizes`);
  return {
    entry: { name, size: long[0]!, header: long[2]!, crc: view.getUint32(position + 16, true) },
    next,
  };
}

/** Zip64: numbers that are all ones stand in the extra field, one after the other. */
function longNumbers(extra: Uint8Array, numbers: readonly number[]): number[] {
  const view = viewOf(extra);
  let at = 0;
  let end = 0;
  for (let position = 0; position + 4 <= extra.length; ) {
    const size = view.getUint16(position + 2, true);
    if (view.getUint16(position, true) === 1)
      [at, end] = [position + 4, Math.min(extra.length, position + 4 + size)];
    position += 4 + size;
  }
  return numbers.map((number) => {
    if (number !== 0xffffffff) return number;
    if (at + 8 > end) throw unreadable('an entry without its size');
    at += 8;
    return safe(view.getBigUint64(at - 8, true));
  });
}

function entryOf(source: ByteSource, { name, size, crc, header }: Listed): ZipEntry {
  return {
    name,
    size,
    isIntact: (bytes) => crc32(bytes) === crc,
    async place() {
      const view = viewOf(await source.read(header, 30));
      if (view.getUint32(0, true) !== LOCAL) throw unreadable(`entry ${name} is not where the archive says`);
      const begin = header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
      if (begin + size > source.size) throw unreadable(`entry ${name} lies beyond the end`);
      return begin;
    },
  };
}

/** Nothing is ever written under such a name; an archive with one that leads elsewhere is no archive of torch.save. */
function nameOf(bytes: Uint8Array): string {
  const name = new TextDecoder('utf-8').decode(bytes);
  const parts = name.split('/');
  if (/[\\\0]|^\/|^[A-Za-z]:/.test(name) || parts.includes('..') || parts.includes('.')) {
    throw unreadable(`an entry of the name ${JSON.stringify(name.slice(0, 100))}`);
  }
  return name;
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw unreadable(`a length of ${value}`);
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
