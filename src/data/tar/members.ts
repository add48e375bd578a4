/**
 * The members of a tar archive, found by their headers: bodies are passed over, and read where they lie when they are wanted.
 * (The libraries that there are read streams: docs/dependencies.md.) Nothing is ever unpacked, so a name leads nowhere.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar's manual, "Basic Tar Format".
 */
import { MocoError } from '../../errors.ts';

/** An archive as it lies on a disk, or as a page was given it. */
export interface TarFile {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes [offset, offset + length), which it has. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

export interface TarMember {
  /** Parts joined by '/', none of them empty, '.' or '..'. */
  readonly name: string;
  /** link: to a file that is elsewhere or nowhere; links are not followed. */
  readonly kind: 'file' | 'link';
  /** Where its bytes begin: a multiple of BLOCK. */
  readonly offset: number;
  readonly size: number;
  /** All its bytes, for members that are small. */
  bytes(): Promise<Uint8Array>;
}

/** Headers are of so many bytes, and bodies are filled up to a multiple of it. */
export const BLOCK = 512;
/** Read at a time: a label of a few bytes, and the header after it, come along with its header. */
const WINDOW = 8 * BLOCK;
/** Of a path, and of the attributes of a member in a pax header. */
const MOST_NAME_BYTES = 4096;
const MOST_PAX_BYTES = 2 ** 20;
/** Of folders in each other; images are looked for no deeper (walk-images.ts). */
const MOST_PARTS = 32;
/** How files begin that are archives, but packed: gzip, zstd, xz, bzip2. */
const PACKED = ['1f8b', '28b52ffd', 'fd377a58', '425a68'];

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/**
 * All files and links in it, in the order of the archive. Folders and devices are passed over.
 * @param told what is odd about the archive, though it can be read
 * @throws MocoError data-invalid — it is no tar archive, damaged, or cut short
 */
export async function* tarMembers(file: TarFile, told: (note: string) => void): AsyncGenerator<TarMember> {
  const read = windowed(file);
  let offset = 0;
  let longName: string | null = null;
  let pax: Pax = {};
  for (;;) {
    if (offset === file.size && offset > 0) return told(`${file.name} has no end mark: it may be cut short`);
    if (offset + BLOCK > file.size) throw invalid(file, offset, 'ends inside a header: is it complete?');
    const header = headerOf(await read(offset, BLOCK), file, offset);
    if (!header) return;
    const { type } = header;
    const begin = offset + BLOCK;
    const isFile = type === '0' || type === '\0' || type === '7';
    // A hard link says how large what it leads to is, and has nothing of it.
    const size = '123456'.includes(type) ? 0 : isFile ? (pax.size ?? header.size) : header.size;
    offset = begin + BLOCK * Math.ceil(size / BLOCK);
    const name = longName ?? pax.path ?? header.name;
    // The filling of the last body may be missing where it was written without an end.
    if (begin + size > file.size) throw invalid(file, begin, `ends inside ${shown(name)}: is it complete?`);
    if (offset > file.size) offset = file.size;
    if (type === 'L' || type === 'x') {
      const most = type === 'L' ? MOST_NAME_BYTES : MOST_PAX_BYTES;
      if (size > most) throw invalid(file, begin, `has a name of ${size} bytes`);
      const bytes = await read(begin, size);
      if (type === 'L') longName = textOf(bytes, 0, size);
      else pax = paxOf(bytes, file, begin);
      continue;
    }
    // What is said of all members, or of what a link leads to.
    if (type === 'g' || type === 'K') continue;
    longName = null;
    pax = {};
    if (type === 'S') throw invalid(file, begin, `holds ${shown(name)} as a sparse file: pack it without`);
    if (!isFile && type !== '1' && type !== '2') continue;
    // As archives older than ustar have folders.
    if (isFile && name.endsWith('/')) continue;
    yield {
      ...{ name: cleaned(name, file, begin), kind: isFile ? 'file' : 'link', offset: begin, size },
      bytes: async () => (await read(begin, size)).slice(),
    };
  }
}

/** Reads a little more than is asked for, as what lies behind it is asked for next. */
function windowed(file: TarFile): (offset: number, length: number) => Promise<Uint8Array> {
  let start = 0;
  let held: Uint8Array = new Uint8Array(0);
  return async (offset, length) => {
    if (offset < start || offset + length > start + held.length) {
      start = offset;
      held = await file.read(offset, Math.max(length, Math.min(WINDOW, file.size - offset)));
    }
    return held.subarray(offset - start, offset - start + length);
  };
}

/** Null of a block of zeros, which ends an archive. */
function headerOf(block: Uint8Array, file: TarFile, offset: number): Header | null {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += block[i]!;
  if (sum === 0) return null;
  // The checksum itself counts as spaces.
  for (let i = 148; i < 156; i++) sum += 32 - block[i]!;
  if (numberAt(block, 148, 8) !== sum) {
    const begin = Array.from(block.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (offset > 0) throw invalid(file, offset, 'has no header where one should be: it is damaged');
    const packed = PACKED.some((mark) => begin.startsWith(mark));
    throw invalid(file, 0, packed ? 'is compressed: unpack it to a plain .tar' : 'is no tar archive');
  }
  const size = numberAt(block, 124, 12);
  if (size === null) throw invalid(file, offset, 'has a member without a size: it is damaged');
  const name = textOf(block, 0, 100);
  const isUstar = textOf(block, 257, 6) === 'ustar' && block[263] === 0x30;
  const prefix = isUstar ? textOf(block, 345, 155) : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size,
    type: String.fromCharCode(block[156]!),
  };
}

/** Octal digits, or a binary number where the first bit is set. Null where it is neither, or too large. */
function numberAt(block: Uint8Array, at: number, length: number): number | null {
  let value = 0;
  if (block[at]! & 0x80) {
    if (block[at] !== 0x80) return null; // negative, or larger than any file
    for (let i = at + 1; i < at + length; i++) value = value * 256 + block[i]!;
    return Number.isSafeInteger(value) ? value : null;
  }
  const digits = textOf(block, at, length).trim();
  return /^[0-7]{0,12}$/.test(digits) ? Number.parseInt(`0${digits}`, 8) : null;
}

interface Pax {
  readonly path?: string;
  readonly size?: number;
}

/** Lines of `length key=value`, of which two keys matter here. */
function paxOf(bytes: Uint8Array, file: TarFile, offset: number): Pax {
  let pax: Pax = {};
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const [, digits = ''] =
      /^(\d{1,7}) /.exec(textOf(bytes, at, at + 8 > bytes.length ? bytes.length - at : 8)) ?? [];
    const length = Number(digits);
    const end = at + length;
    if (length < digits.length + 4 || end > bytes.length || bytes[end - 1] !== 0x0a)
      throw invalid(file, offset, 'has a damaged pax header');
    const line = decoded(bytes.subarray(at + digits.length + 1, end - 1));
    const equals = line.indexOf('=');
    const [key, value] = [line.slice(0, equals), line.slice(equals + 1)];
    if (key === 'path') pax = { ...pax, path: value };
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw invalid(file, offset, `has a member of ${shown(value)} bytes`);
      pax = { ...pax, size: Number(value) };
    }
    at = end;
  }
  return pax;
}

/** Up to the first zero. */
function textOf(bytes: Uint8Array, at: number, length: number): string {
  const end = bytes.subarray(at, at + length).indexOf(0);
  return decoded(bytes.subarray(at, at + (end < 0 ? length : end)));
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LATIN_1 = new TextDecoder('latin1');

/** Names are bytes: those that are no UTF-8 stay apart from each other all the same. */
function decoded(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return LATIN_1.decode(bytes);
  }
}

function cleaned(name: string, file: TarFile, offset: number): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const isLong = name.length > MOST_NAME_BYTES || parts.length > MOST_PARTS;
  if (parts.length === 0 || parts.includes('..') || name.includes('\0') || isLong)
    throw invalid(file, offset, `has a member of the name ${shown(name)}`);
  return parts.join('/');
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 100));

function invalid(file: TarFile, offset: number, what: string): MocoError {
  return new MocoError('data-invalid', `${file.name} ${what} (byte ${offset})`);
}
