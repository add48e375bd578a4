/**
 * Files of embeddings: .npy (float32 matrix), .safetensors, .jsonl and .csv, each with a sidecar that says of which image each row
 * is. Written row by row, so that they need not fit in memory.
 */
import { extname } from 'node:path';
import { MocoError } from '../errors.ts';
import type { EmbeddingRow, UnreadableImage } from '../evaluate/evaluate-checkpoint.ts';
import { NPY_HEADER_BYTES, npyHeader } from '../formats/npy.ts';
import { WholeFile } from './whole-file.ts';

export const EMBEDDING_FORMATS = ['.safetensors', '.npy', '.jsonl', '.csv'] as const;
type Format = (typeof EMBEDDING_FORMATS)[number];

/** @throws MocoError usage when the name has none of the endings */
export function embeddingFormat(file: string): Format {
  const ending = extname(file).toLowerCase();
  const format = EMBEDDING_FORMATS.find((known) => known === ending);
  if (format) return format;
  throw new MocoError(
    'usage',
    `cannot tell the format of ${file}: end it in ${EMBEDDING_FORMATS.join(', ')}`,
  );
}

/** The sidecar of a file: a JSON object a line and image, `{"row","index","path","label","class"}`; `row` is null where it has none. */
export const sidecarOf = (file: string): string => `${file}.images.jsonl`;

/** Room for a header whose numbers are known only at the end. */
const HEADER_BYTES = { '.safetensors': 512, '.npy': NPY_HEADER_BYTES, '.jsonl': 0, '.csv': 0 } as const;

export interface WrittenEmbeddings {
  readonly rows: number;
  /** Images that cannot be read. .npy has a row of NaN for each, so that row i is image i; the others have none. */
  readonly unreadable: number;
}

/**
 * Writes all rows and puts the files in place once they are complete.
 * .npy: [images, dim] float32. .safetensors: `embeddings` [rows, dim] F32, `index` [rows] I64 and `labels` [rows] I64
 * (−1: none). .jsonl: `{"index","path","label","embedding"}` a line. .csv: `index,path,label,0,1,…`.
 * @param classes names by label, for the sidecar
 * @throws MocoError usage for an unknown ending, write-failed, data-invalid when rows differ in length
 */
export async function writeEmbeddings(
  file: string,
  rows: AsyncIterable<EmbeddingRow | UnreadableImage>,
  classes: readonly string[] = [],
): Promise<WrittenEmbeddings> {
  const format = embeddingFormat(file);
  const matrix = await WholeFile.create(file);
  let sidecar: WholeFile | null = null;
  try {
    sidecar = await WholeFile.create(sidecarOf(file));
    const written = await writeRows(format, rows, classes, matrix, sidecar);
    await sidecar.finish();
    await matrix.finish();
    return written;
  } catch (error) {
    await sidecar?.discard();
    await matrix.discard();
    throw error;
  }
}

const encoder = new TextEncoder();
const lineOf = (value: object) => encoder.encode(`${JSON.stringify(value)}\n`);

async function writeRows(
  format: Format,
  rows: AsyncIterable<EmbeddingRow | UnreadableImage>,
  classes: readonly string[],
  matrix: WholeFile,
  sidecar: WholeFile,
): Promise<WrittenEmbeddings> {
  const indices: bigint[] = [];
  const labels: bigint[] = [];
  let dim: number | null = null;
  let count = 0;
  let unreadable = 0;
  /** Rows of NaN before the first image that tells how long a row is. */
  let waiting = 0;
  const missing = (length: number) => asBytes(new Float32Array(length).fill(Number.NaN));
  await matrix.write(new Uint8Array(HEADER_BYTES[format]));
  for await (const image of rows) {
    const { index, path, label, vector } = image;
    const hasRow = vector !== null || format === '.npy';
    const about = { index, path, label, class: label === null ? null : (classes[label] ?? null) };
    const reason = vector === null ? { reason: image.reason } : {};
    await sidecar.write(lineOf({ row: hasRow ? count : null, ...about, ...reason }));
    if (hasRow) count++;
    if (vector === null) {
      unreadable++;
      if (format !== '.npy') continue;
      if (dim === null) waiting++;
      else await matrix.write(missing(dim));
      continue;
    }
    if (dim === null) {
      dim = vector.length;
      if (format === '.csv')
        await matrix.write(encoder.encode(`index,path,label,${[...vector.keys()].join(',')}\n`));
      if (waiting > 0) await matrix.write(missing(waiting * dim));
    }
    if (vector.length !== dim) {
      throw new MocoError(
        'data-invalid',
        `embedding ${index} has ${vector.length} values, those before ${dim}`,
      );
    }
    indices.push(BigInt(index));
    labels.push(BigInt(label ?? -1));
    if (format === '.jsonl') await matrix.write(lineOf({ index, path, label, embedding: [...vector] }));
    else if (format === '.csv') {
      await matrix.write(encoder.encode(`${[index, quoted(path), label ?? '', ...vector].join(',')}\n`));
    } else await matrix.write(asBytes(vector));
  }
  if (format === '.npy') await matrix.write(npyHeader(count, dim ?? 0), 0);
  if (format === '.safetensors') {
    await matrix.write(asBytes(BigInt64Array.from(indices)));
    await matrix.write(asBytes(BigInt64Array.from(labels)));
    await matrix.write(safetensorsHeader(count, dim ?? 0), 0);
  }
  return { rows: count, unreadable };
}

const asBytes = (values: Float32Array | BigInt64Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** As RFC 4180 has it. */
const quoted = (text: string | null) => (text === null ? '' : `"${text.replaceAll('"', '""')}"`);

function safetensorsHeader(rows: number, dim: number): Uint8Array {
  const [a, b, c] = [rows * dim * 4, rows * (dim * 4 + 8), rows * (dim * 4 + 16)];
  const header = {
    embeddings: { dtype: 'F32', shape: [rows, dim], data_offsets: [0, a] },
    index: { dtype: 'I64', shape: [rows], data_offsets: [a, b] },
    labels: { dtype: 'I64', shape: [rows], data_offsets: [b, c] },
  };
  const bytes = new Uint8Array(HEADER_BYTES['.safetensors']).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(encoder.encode(JSON.stringify(header)), 8);
  return bytes;
}
