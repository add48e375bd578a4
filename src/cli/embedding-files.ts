/** Files of embeddings: .safetensors, .npy (float32 matrix) and .jsonl. Written row by row, so that they need not fit in memory. */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { MocoError, messageOf } from '../errors.ts';
import type { EmbeddingRow } from '../evaluate/evaluate-checkpoint.ts';

export const EMBEDDING_FORMATS = ['.safetensors', '.npy', '.jsonl'] as const;
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

/** Room for a header whose numbers are known only at the end. A multiple of 64, as .npy wants. */
const HEADER_BYTES = { '.safetensors': 512, '.npy': 128, '.jsonl': 0 } as const;

/**
 * Writes all rows and puts the file in place once it is complete; returns how many there were.
 * .npy: [rows, dim] float32. .safetensors: `embeddings` [rows, dim] F32, `index` [rows] I64 and `labels` [rows] I64
 * (−1: none). .jsonl: `{"index","path","label","embedding"}` a line.
 * @throws MocoError usage for an unknown ending, write-failed, data-invalid when rows differ in length
 */
export async function writeEmbeddings(file: string, rows: AsyncIterable<EmbeddingRow>): Promise<number> {
  const format = embeddingFormat(file);
  const partial = `${file}.partial`;
  const failed = (cause: unknown) =>
    new MocoError('write-failed', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw failed(cause);
  });
  const handle = await open(partial, 'w').catch((cause: unknown) => {
    throw failed(cause);
  });
  try {
    const write = (bytes: Uint8Array, at?: number) =>
      writeAll(handle, bytes, at).catch((cause: unknown) => {
        throw failed(cause);
      });
    const count = await writeRows(format, rows, write);
    await handle.sync().finally(() => handle.close());
    await rename(partial, file);
    return count;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at?: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const position = at === undefined ? null : at + done;
    done += (await handle.write(bytes, done, bytes.length - done, position)).bytesWritten;
  }
}

async function writeRows(
  format: Format,
  rows: AsyncIterable<EmbeddingRow>,
  write: (bytes: Uint8Array, at?: number) => Promise<void>,
): Promise<number> {
  const encoder = new TextEncoder();
  const indices: bigint[] = [];
  const labels: bigint[] = [];
  let dim: number | null = null;
  await write(new Uint8Array(HEADER_BYTES[format]));
  for await (const { index, path, label, vector } of rows) {
    dim ??= vector.length;
    if (vector.length !== dim) {
      throw new MocoError(
        'data-invalid',
        `embedding ${index} has ${vector.length} values, those before ${dim}`,
      );
    }
    indices.push(BigInt(index));
    labels.push(BigInt(label ?? -1));
    if (format === '.jsonl') {
      await write(encoder.encode(`${JSON.stringify({ index, path, label, embedding: [...vector] })}\n`));
    } else {
      await write(new Uint8Array(vector.slice().buffer));
    }
  }
  const count = indices.length;
  if (format === '.npy') await write(npyHeader(count, dim ?? 0), 0);
  if (format === '.safetensors') {
    await write(new Uint8Array(BigInt64Array.from(indices).buffer));
    await write(new Uint8Array(BigInt64Array.from(labels).buffer));
    await write(safetensorsHeader(count, dim ?? 0), 0);
  }
  return count;
}

/** Version 1.0 of the format. Source: numpy.lib.format. */
function npyHeader(rows: number, dim: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const bytes = new Uint8Array(HEADER_BYTES['.npy']).fill(0x20);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, bytes.length - 10, 0]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[bytes.length - 1] = 0x0a;
  return bytes;
}

function safetensorsHeader(rows: number, dim: number): Uint8Array {
  const [a, b, c] = [rows * dim * 4, rows * (dim * 4 + 8), rows * (dim * 4 + 16)];
  const header = {
    embeddings: { dtype: 'F32', shape: [rows, dim], data_offsets: [0, a] },
    index: { dtype: 'I64', shape: [rows], data_offsets: [a, b] },
    labels: { dtype: 'I64', shape: [rows], data_offsets: [b, c] },
  };
  const bytes = new Uint8Array(HEADER_BYTES['.safetensors']).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(new TextEncoder().encode(JSON.stringify(header)), 8);
  return bytes;
}
