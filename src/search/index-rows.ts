/** What an index holds, and how it lies in a file. */
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import {
  MAX_HEADER_BYTES,
  type NamedTensor,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../formats/safetensors.ts';
import { joined, type RowsInput } from './rows-input.ts';
import { lengthOf, unitVector } from './unit-vectors.ts';

/** What can be said of rows; null where nobody did. */
export interface AboutRows {
  /** What each row is called. */
  readonly names: readonly string[] | null;
  /** The encoder that gave them, in words or as a path. */
  readonly encoder: string | null;
  /** Which of its features. */
  readonly features: FeatureKind | null;
}

export interface IndexRows extends AboutRows {
  /** [size, dim], each row of unit length, or zeros. */
  readonly vectors: Float32Array;
  readonly dim: number;
}

/** In the file's metadata, beside `names` (JSON), `encoder` and `features`. */
const FORMAT = 'moco-web-index-1';
/** That of `moco-web embed`, whose files can be read too. */
const VECTORS = 'embeddings';
/** Of the length of rows that were of unit length when they were written. */
const TOLERANCE = 1e-3;

/** @throws MocoError usage, shape-mismatch (rows differ in length), data-invalid (a value is not finite) */
export function rowsOf(
  rows: RowsInput,
  { names = null, encoder = null, features = null }: Partial<AboutRows>,
): IndexRows {
  const { vectors, dim, names: own } = joined(rows);
  if (!Number.isSafeInteger(dim) || dim < 1 || vectors.length % dim !== 0) {
    throw new MocoError(
      'usage',
      `${vectors.length} values are no rows of ${dim}: dim has to be the length of a row`,
    );
  }
  const given = names ?? own ?? null;
  const size = vectors.length / dim;
  if (given && given.length !== size) {
    throw new MocoError('usage', `there are ${given.length} names for ${size} rows: give one for each`);
  }
  const units = new Float32Array(vectors.length);
  for (let row = 0; row < size; row++) {
    const name = `row ${row}${given ? ` (${given[row]})` : ''}`;
    units.set(unitVector(vectors.subarray(row * dim, (row + 1) * dim), name), row * dim);
  }
  return { vectors: units, dim, names: given && [...given], encoder, features };
}

/** A safetensors file: `embeddings` [size, dim] F32, the rest in its metadata. @throws MocoError usage for too many names */
export function formatIndex({ vectors, dim, names, encoder, features }: IndexRows): Uint8Array<ArrayBuffer> {
  const tensors = new Map([
    [VECTORS, { dtype: 'F32' as const, shape: [vectors.length / dim, dim], data: vectors }],
  ]);
  const bytes = writeSafetensors(tensors, {
    format: FORMAT,
    ...(names && { names: JSON.stringify(names) }),
    ...(encoder !== null && { encoder }),
    ...(features && { features }),
  });
  const header = new DataView(bytes.buffer).getBigUint64(0, true);
  if (header > BigInt(MAX_HEADER_BYTES)) {
    throw new MocoError('usage', `the names take ${header} bytes, a file has room for ${MAX_HEADER_BYTES}`);
  }
  return bytes;
}

/**
 * Files are untrusted. Also takes what `moco-web embed --out FILE.safetensors` writes, which has no names.
 * @throws MocoError data-invalid
 */
export function parseIndex(bytes: Uint8Array): IndexRows {
  const { tensor, metadata } = read(bytes);
  if (tensor?.dtype !== 'F32' || tensor.shape.length !== 2) {
    throw new MocoError('data-invalid', `not an index: it has no tensor '${VECTORS}' [rows, dim] of float32`);
  }
  const [size = 0, dim = 0] = tensor.shape;
  if (size < 1 || dim < 1) throw new MocoError('data-invalid', `not an index: it has ${size} rows of ${dim}`);
  const word = metadata.get('features');
  const about: AboutRows = {
    names: namesIn(metadata.get('names'), size),
    encoder: metadata.get('encoder') ?? null,
    features: word === 'backbone' || word === 'head' ? word : null,
  };
  const format = metadata.get('format');
  if (format === undefined) return rowsOf({ vectors: tensor.data, dim }, about);
  if (format !== FORMAT) {
    throw new MocoError(
      'data-invalid',
      `an index of the format '${format.slice(0, 80)}': this version reads ${FORMAT}`,
    );
  }
  const vectors = tensor.data.slice();
  for (let row = 0; row < size; row++) {
    const length = lengthOf(vectors.subarray(row * dim, (row + 1) * dim));
    if (length === 0 || Math.abs(length - 1) <= TOLERANCE) continue;
    throw new MocoError(
      'data-invalid',
      `row ${row} of the index has length ${length}, not 1: the file was altered`,
    );
  }
  return { vectors, dim, ...about };
}

function read(bytes: Uint8Array): {
  tensor: NamedTensor | undefined;
  metadata: ReadonlyMap<string, string>;
} {
  try {
    const { metadata } = readSafetensorsHeader(bytes);
    return { tensor: readSafetensors(bytes).get(VECTORS), metadata };
  } catch (cause) {
    if (!(cause instanceof MocoError)) throw cause;
    throw new MocoError('data-invalid', `not an index: ${cause.message}`, { cause });
  }
}

function namesIn(text: string | undefined, size: number): string[] | null {
  if (text === undefined) return null;
  let names: unknown = null;
  try {
    names = JSON.parse(text);
  } catch {
    // Refused below.
  }
  if (Array.isArray(names) && names.length === size && names.every((name) => typeof name === 'string'))
    return names;
  throw new MocoError('data-invalid', `not an index: its names are not ${size} texts`);
}
