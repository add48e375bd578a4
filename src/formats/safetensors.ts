/**
 * The safetensors format: 8-byte little-endian length N, N bytes of JSON
 * `{name: {dtype, shape, data_offsets}}`, then the data, little-endian and row-major.
 * Source: https://github.com/huggingface/safetensors (README, "Format"). Files are untrusted: every length is checked
 * before it is used.
 */
import { bytesOf, expectArgument, type Form, instance, kindOf, listOf, texts, whole } from '../arguments.ts';
import { MocoError } from '../errors.ts';

/** A tensor with its type as safetensors names it. */
export type NamedTensor =
  | { readonly dtype: 'F32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'I64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: 'U8'; readonly shape: readonly number[]; readonly data: Uint8Array };

const DATA = { F32: 'Float32Array', I64: 'BigInt64Array', U8: 'Uint8Array' } as const;
const TENSOR: Form = {
  give: "{ dtype: 'F32', 'I64' or 'U8', shape: [sizes], data: a Float32Array, BigInt64Array or Uint8Array }",
  is(value) {
    const { dtype, shape, data } = (value ?? {}) as Partial<NamedTensor>;
    return (
      Object.keys(DATA).includes(dtype!) && listOf(whole(0), '').is(shape) && kindOf(data) === DATA[dtype!]
    );
  },
};

/** What a header says of one tensor; `begin` and `end` are bytes counted from the end of the header. */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The format's own bound on the header, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of one element, for the types of the format whose elements are whole bytes. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

function invalid(what: string): MocoError {
  return new MocoError('checkpoint-invalid', `not a valid safetensors file: ${what}`);
}

/**
 * Reads and checks the header: offsets in range, no overlap, no holes, size = product of the shape.
 * Knows the size of every type of the format, also of those that {@link readSafetensors} does not hold.
 * @param bytes the header with the 8 bytes before it, and what follows or not
 * @param fileBytes of the whole file
 * @throws MocoError checkpoint-invalid
 */
export function readSafetensorsHeader(
  bytes: Uint8Array,
  fileBytes = bytes.byteLength,
): {
  entries: Map<string, TensorEntry>;
  /** Words that the file's writer left: the format allows text alone. */
  metadata: Map<string, string>;
  dataStart: number;
} {
  if (bytes.byteLength < 8) throw invalid(`${bytes.byteLength} bytes are too few for the header length`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (headerLength > BigInt(MAX_HEADER_BYTES)) {
    throw invalid(`header of ${headerLength} bytes, at most ${MAX_HEADER_BYTES} are allowed`);
  }
  const dataStart = 8 + Number(headerLength);
  if (dataStart > bytes.byteLength) {
    throw invalid(`header of ${headerLength} bytes in a file of ${bytes.byteLength}: the file is cut short`);
  }
  const { entries, metadata } = parseHeader(bytes.subarray(8, dataStart));
  checkLayout(entries, fileBytes - dataStart);
  return { entries, metadata, dataStart };
}

function parseHeader(text: Uint8Array): {
  entries: Map<string, TensorEntry>;
  metadata: Map<string, string>;
} {
  let header: unknown;
  try {
    // A decoder refuses memory that other threads may change, hence the copy.
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text.slice()));
  } catch (cause) {
    throw new MocoError('checkpoint-invalid', 'not a valid safetensors file: the header is not JSON', {
      cause,
    });
  }
  if (!isRecord(header)) throw invalid('the header is not a JSON object');
  const entries = new Map<string, TensorEntry>();
  let metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(value);
    else entries.set(name, parseEntry(name, value));
  }
  return { entries, metadata };
}

function parseMetadata(value: unknown): Map<string, string> {
  const words = isRecord(value) ? Object.entries(value) : null;
  if (!words?.every((word): word is [string, string] => typeof word[1] === 'string')) {
    throw invalid('its metadata is not an object of texts');
  }
  return new Map(words);
}

function parseEntry(name: string, value: unknown): TensorEntry {
  const at = `tensor ${JSON.stringify(name)}`;
  if (!isRecord(value)) throw invalid(`${at} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw invalid(`${at} has no dtype`);
  const elementBytes = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined;
  if (elementBytes === undefined) throw invalid(`${at} has the unknown dtype ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) throw invalid(`${at} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw invalid(`${at} has no valid data_offsets`);
  }
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((product: number, d: number) => product * d, elementBytes);
  if (!Number.isSafeInteger(size) || end - begin !== size) {
    throw invalid(`${at} of shape [${shape}] needs ${size} bytes, its offsets span ${end - begin}`);
  }
  return { dtype, shape: shape as number[], begin, end };
}

function checkLayout(entries: ReadonlyMap<string, TensorEntry>, dataBytes: number): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const [name, { begin, end }] of sorted) {
    if (begin !== position) {
      const what = begin < position ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw invalid(`tensor ${JSON.stringify(name)} ${what} (begins at ${begin}, expected ${position})`);
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw invalid(`the tensors take ${position} bytes, the file holds ${dataBytes} bytes of data`);
  }
}

/**
 * Reads a whole file. Data that lies aligned in `file` is not copied, so keep `file` unchanged.
 * @param file its bytes
 * @throws MocoError checkpoint-invalid when malformed, or when a tensor is not F32, I64 or U8
 */
export function readSafetensors(file: ArrayBuffer | Uint8Array): Map<string, NamedTensor> {
  const bytes = bytesOf('readSafetensors', 'file', file);
  const { entries, dataStart } = readSafetensorsHeader(bytes);
  const tensors = new Map<string, NamedTensor>();
  for (const [name, { dtype, shape, begin, end }] of entries) {
    const raw = bytes.subarray(dataStart + begin, dataStart + end);
    if (dtype === 'U8') tensors.set(name, { dtype, shape, data: raw });
    else if (dtype === 'F32') {
      const { buffer, byteOffset, byteLength } = aligned(raw, 4);
      tensors.set(name, { dtype, shape, data: new Float32Array(buffer, byteOffset, byteLength / 4) });
    } else if (dtype === 'I64') {
      const { buffer, byteOffset, byteLength } = aligned(raw, 8);
      tensors.set(name, { dtype, shape, data: new BigInt64Array(buffer, byteOffset, byteLength / 8) });
    } else {
      throw new MocoError(
        'checkpoint-invalid',
        `tensor ${JSON.stringify(name)} is ${dtype}, which is not held here: convert it to F32, I64 or U8`,
      );
    }
  }
  return tensors;
}

function aligned(raw: Uint8Array, elementBytes: number): Uint8Array {
  return raw.byteOffset % elementBytes === 0 ? raw : raw.slice();
}

/**
 * Writes tensors: header keys sorted, header padded with spaces to a multiple of 8, data by descending element size
 * and then name, so that every tensor lies aligned. The same tensors always give the same bytes.
 * @param metadata words to leave with them
 * @throws MocoError shape-mismatch when a shape does not fit its data
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  expectArgument('writeSafetensors', 'tensors', tensors, instance('a Map of tensors by name', 'Map'));
  for (const [name, tensor] of tensors) {
    expectArgument('writeSafetensors', `tensors.get('${name}')`, tensor, TENSOR);
  }
  expectArgument('writeSafetensors', 'metadata', metadata, texts);
  const { head, order, dataBytes } = layOut(tensors, metadata);
  const bytes = new Uint8Array(head.byteLength + dataBytes);
  bytes.set(head);
  let at = head.byteLength;
  for (const name of order) {
    const { shape, data } = tensors.get(name)!;
    if (elementsOf(shape) !== data.length) {
      throw new MocoError(
        'shape-mismatch',
        `cannot write tensor ${JSON.stringify(name)}: shape [${shape}] and ${data.length} values`,
      );
    }
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** What a file of tensors begins with, and the order in which their data follows. */
export interface SafetensorsLayout {
  readonly head: Uint8Array<ArrayBuffer>;
  readonly order: readonly string[];
  readonly dataBytes: number;
}

/** The layout of {@link writeSafetensors}, for whoever writes a file piece by piece. @throws MocoError shape-mismatch */
export function layOut(
  tensors: ReadonlyMap<string, Pick<NamedTensor, 'dtype' | 'shape'>>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const byName = [...tensors].sort(([a], [b]) => compare(a, b));
  const size = ([, { dtype }]: (typeof byName)[number]) => ELEMENT_BYTES[dtype] ?? 0;
  // Sorting is stable, so tensors of one element size stay in the order of their names.
  const byLayout = [...byName].sort((a, b) => size(b) - size(a));
  const offsets = new Map<string, [number, number]>();
  let dataBytes = 0;
  for (const entry of byLayout) {
    const [name, { shape }] = entry;
    if (name === '__metadata__') {
      throw new MocoError(
        'shape-mismatch',
        `cannot write tensor ${JSON.stringify(name)}: it is no name of a tensor`,
      );
    }
    const end = dataBytes + elementsOf(shape) * size(entry);
    offsets.set(name, [dataBytes, end]);
    dataBytes = end;
  }
  const header = JSON.stringify({
    ...(Object.keys(metadata).length > 0 && { __metadata__: metadata }),
    ...Object.fromEntries(
      byName.map(([name, { dtype, shape }]) => [name, { dtype, shape, data_offsets: offsets.get(name) }]),
    ),
  });
  const headerBytes = new TextEncoder().encode(header);
  const padded = Math.ceil(headerBytes.byteLength / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(headerBytes, 8);
  return { head, order: byLayout.map(([name]) => name), dataBytes };
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
