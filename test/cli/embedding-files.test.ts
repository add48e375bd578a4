import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EMBEDDING_FORMATS, writeEmbeddings } from '../../src/cli/embedding-files.ts';
import type { EmbeddingRow, UnreadableImage } from '../../src/evaluate/evaluate-checkpoint.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const ROWS: EmbeddingRow[] = [
  { index: 0, path: 'cat/a.jpg', label: 3, vector: Float32Array.of(1 / 3, -2, 0) },
  { index: 2, path: null, label: null, vector: Float32Array.of(4, 5, 1e-30).subarray(0) },
];

async function* rowsOf<Row extends EmbeddingRow | UnreadableImage>(
  rows: readonly Row[],
): AsyncGenerator<Row> {
  yield* rows;
}

describe('embedding files', () => {
  it('.safetensors holds embeddings, index and labels', async () => {
    const file = `${await temporaryFolder()}/new/e.safetensors`;
    expect(await writeEmbeddings(file, rowsOf(ROWS))).toEqual({ rows: 2, unreadable: 0 });
    const tensors = readSafetensors(await readFile(file));
    expect(tensors.get('embeddings')).toEqual({
      dtype: 'F32',
      shape: [2, 3],
      data: Float32Array.of(1 / 3, -2, 0, 4, 5, 1e-30),
    });
    expect(tensors.get('index')?.data).toEqual(BigInt64Array.of(0n, 2n));
    expect(tensors.get('labels')?.data).toEqual(BigInt64Array.of(3n, -1n));
  });

  it('.npy is a float32 matrix in the format of NumPy', async () => {
    const file = `${await temporaryFolder()}/e.npy`;
    await writeEmbeddings(file, rowsOf(ROWS));
    const bytes = await readFile(file);
    expect([...bytes.subarray(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
    const start = 10 + bytes.readUInt16LE(8);
    expect(start % 64).toBe(0);
    const header = bytes.subarray(10, start).toString('latin1');
    expect(header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/);
    const values = Array.from({ length: 6 }, (_, i) => bytes.readFloatLE(start + 4 * i));
    expect(values).toEqual([...Float32Array.of(1 / 3, -2, 0, 4, 5, 1e-30)]);
    expect(bytes.length).toBe(start + 24);
  });

  it('.jsonl has a line an image', async () => {
    const file = `${await temporaryFolder()}/e.jsonl`;
    await writeEmbeddings(file, rowsOf(ROWS));
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { index: 0, path: 'cat/a.jpg', label: 3, embedding: [Math.fround(1 / 3), -2, 0] },
      { index: 2, path: null, label: null, embedding: [4, 5, Math.fround(1e-30)] },
    ]);
  });

  it('.csv has a line an image', async () => {
    const file = `${await temporaryFolder()}/e.csv`;
    await writeEmbeddings(file, rowsOf([{ ...ROWS[0]!, path: 'a "b",c.jpg' }]));
    expect(await readFile(file, 'utf8')).toBe(
      `index,path,label,0,1,2\n0,"a ""b"",c.jpg",3,${Math.fround(1 / 3)},-2,0\n`,
    );
  });

  it.each(EMBEDDING_FORMATS)(
    '%s: images that cannot be read keep their place, or are named',
    async (ending) => {
      const file = `${await temporaryFolder()}/e${ending}`;
      const torn = (index: number) => ({
        index,
        path: `${index}.jpg`,
        label: 0,
        vector: null,
        reason: 'cut short',
      });
      const images = [torn(0), torn(1), ROWS[1]!, torn(3)];
      const isMatrix = ending === '.npy';
      const rows = isMatrix ? 4 : 1;
      expect(await writeEmbeddings(file, rowsOf(images), ['cat'])).toEqual({ rows, unreadable: 3 });
      const sidecar = (await readFile(`${file}.images.jsonl`, 'utf8')).trimEnd().split('\n');
      const about = (index: number) => ({
        index,
        path: `${index}.jpg`,
        label: 0,
        class: 'cat',
        reason: 'cut short',
      });
      expect(sidecar.map((line) => JSON.parse(line))).toEqual([
        { row: isMatrix ? 0 : null, ...about(0) },
        { row: isMatrix ? 1 : null, ...about(1) },
        { row: isMatrix ? 2 : 0, index: 2, path: null, label: null, class: null },
        { row: isMatrix ? 3 : null, ...about(3) },
      ]);
      if (!isMatrix) return;
      const bytes = await readFile(file);
      const values = Array.from({ length: 12 }, (_, i) => bytes.readFloatLE(128 + 4 * i));
      expect(values).toEqual([
        ...Array(6).fill(Number.NaN),
        4,
        5,
        Math.fround(1e-30),
        ...Array(3).fill(Number.NaN),
      ]);
    },
  );

  it('two that write one file at the same time → one of them whole', async () => {
    const folder = await temporaryFolder();
    const file = `${folder}/e.npy`;
    const of = (value: number) =>
      Array.from({ length: 50 }, (_, index) => ({
        ...{ index, path: null, label: null, vector: new Float32Array(500).fill(value) },
      }));
    await Promise.all([writeEmbeddings(file, rowsOf(of(1))), writeEmbeddings(file, rowsOf(of(2)))]);
    const bytes = await readFile(file);
    const values = Array.from({ length: 50 * 500 }, (_, i) => bytes.readFloatLE(128 + 4 * i));
    expect(bytes.length).toBe(128 + 4 * values.length);
    expect(new Set(values).size).toBe(1);
    expect(await readdir(folder)).toEqual(['e.npy', 'e.npy.images.jsonl']);
  });

  it('leaves nothing behind when the rows fail, and no torn file in the place of a good one', async () => {
    const folder = await temporaryFolder();
    await writeEmbeddings(`${folder}/e.npy`, rowsOf(ROWS));
    const good = await readFile(`${folder}/e.npy`);
    const uneven = [...ROWS, { index: 3, path: null, label: null, vector: new Float32Array(2) }];
    await expect(writeEmbeddings(`${folder}/e.npy`, rowsOf(uneven))).rejects.toThrow(
      /embedding 3 has 2 values/,
    );
    expect(await readdir(folder)).toEqual(['e.npy', 'e.npy.images.jsonl']);
    expect(await readFile(`${folder}/e.npy`)).toEqual(good);
  });
});
