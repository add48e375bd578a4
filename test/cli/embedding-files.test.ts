import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { writeEmbeddings } from '../../src/cli/embedding-files.ts';
import type { EmbeddingRow } from '../../src/evaluate/evaluate-checkpoint.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const ROWS: EmbeddingRow[] = [
  { index: 0, path: 'cat/a.jpg', label: 3, vector: Float32Array.of(1 / 3, -2, 0) },
  { index: 2, path: null, label: null, vector: Float32Array.of(4, 5, 1e-30).subarray(0) },
];

async function* rowsOf(rows: readonly EmbeddingRow[]): AsyncGenerator<EmbeddingRow> {
  yield* rows;
}

describe('embedding files', () => {
  it('.safetensors holds embeddings, index and labels', async () => {
    const file = `${await temporaryFolder()}/new/e.safetensors`;
    expect(await writeEmbeddings(file, rowsOf(ROWS))).toBe(2);
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

  it('leaves nothing behind when the rows fail, and no torn file in the place of a good one', async () => {
    const folder = await temporaryFolder();
    await writeEmbeddings(`${folder}/e.npy`, rowsOf(ROWS));
    const good = await readFile(`${folder}/e.npy`);
    const uneven = [...ROWS, { index: 3, path: null, label: null, vector: new Float32Array(2) }];
    await expect(writeEmbeddings(`${folder}/e.npy`, rowsOf(uneven))).rejects.toThrow(
      /embedding 3 has 2 values/,
    );
    expect(await readdir(folder)).toEqual(['e.npy']);
    expect(await readFile(`${folder}/e.npy`)).toEqual(good);
  });
});
