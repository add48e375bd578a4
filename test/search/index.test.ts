/** `Index`: nearest rows and pairs against a plain search in float64; files, hostile ones too. */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { openKernels } from '../../src/kernels/open.ts';
import { Index } from '../../src/page/search-index.ts';
import { pairsAbove } from '../../src/search/duplicates.ts';
import { rowsOf } from '../../src/search/index-rows.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { generator, normals } from '../kernels/inputs.ts';

const DIM = 12;
const rowsFrom = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => normals(DIM, generator(1000 * seed + i)));

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
/** Rounding of rows, query and a product of DIM terms, each of at most 1: (DIM + 2)·2⁻²⁴, with room for the square roots. */
const TOLERANCE = (DIM + 6) * 2 ** -24;

describe('search', () => {
  it('gives the nearest rows, nearest first, with their names', async () => {
    const rows = rowsFrom(50, 1);
    const names = rows.map((_, i) => `${i}.jpg`);
    await using index = await Index.from(rows, { names, encoder: 'runs/photos' });
    expect(index).toMatchObject({ size: 50, dim: DIM, encoder: 'runs/photos' });
    for (const query of rowsFrom(5, 2)) {
      const exact = rows.map((row, i) => ({ index: i, similarity: cosine(query, row) }));
      exact.sort((a, b) => b.similarity - a.similarity);
      const found = await index.search(query, 7);
      expect(found.map(({ index: row }) => row)).toEqual(exact.slice(0, 7).map(({ index: row }) => row));
      for (const [i, { name, index: row, similarity }] of found.entries()) {
        expect(name).toBe(`${row}.jpg`);
        expect(Math.abs(similarity - exact[i]!.similarity)).toBeLessThan(TOLERANCE);
      }
    }
    expect(await index.search(rows[3]!, 1)).toMatchObject([{ index: 3, name: '3.jpg' }]);
    expect(await index.search(rows[3]!, 1000)).toHaveLength(50);
    expect(await index.search(rows[3]!)).toHaveLength(10);
  });

  it('gives no cosine beyond 1, though rounding takes some products there', async () => {
    const rows = rowsFrom(200, 6);
    await using index = await Index.from(rows);
    for (const row of rows) {
      const [match] = await index.search(row, 1);
      expect(match!.similarity).toBeLessThanOrEqual(1);
    }
  });

  it('takes rows in one array, and does not change them', async () => {
    const vectors = Float32Array.of(3, 4, 0, 2, 0, 0);
    await using index = await Index.from({ vectors, dim: 2, names: ['a', 'b', 'zero'] });
    const found = await index.search(Float32Array.of(0, 9), 3);
    expect(found.map(({ name }) => name)).toEqual(['b', 'a', 'zero']);
    expect(found.map(({ similarity }) => similarity)).toEqual([1, Math.fround(0.8), 0]);
    expect([...vectors]).toEqual([3, 4, 0, 2, 0, 0]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['no rows', () => Index.from([]), 'usage'],
    ['rows of two lengths', () => Index.from([new Float32Array(2), new Float32Array(3)]), 'shape-mismatch'],
    ['a dim that does not fit', () => Index.from({ vectors: new Float32Array(5), dim: 2 }), 'usage'],
    ['too few names', () => Index.from(rowsFrom(2, 1), { names: ['a'] }), 'usage'],
    ['a row with NaN', () => Index.from([Float32Array.of(1, Number.NaN)]), 'data-invalid'],
    [
      'a query of another encoder',
      async () => (await Index.from(rowsFrom(2, 1))).search(new Float32Array(3)),
      'shape-mismatch',
    ],
    ['k = 0', async () => (await Index.from(rowsFrom(2, 1))).search(new Float32Array(DIM), 0), 'usage'],
    ['a threshold of 2', async () => (await Index.from(rowsFrom(2, 1))).duplicates(2), 'usage'],
  ])('refuses %s', async (_, call, code) => {
    await expect(call()).rejects.toMatchObject({ name: 'MocoError', code });
  });

  it('says that it was disposed of', async () => {
    const index = await Index.from(rowsFrom(2, 1));
    await index.dispose();
    await index.dispose();
    await expect(index.search(new Float32Array(DIM))).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('duplicates', () => {
  /** 30 rows that are their own, and three of which there are 3, 20 and 2 (a little changed). */
  function withCopies(): Float32Array[] {
    const rows = rowsFrom(33, 3);
    const copies = [0, 0, ...new Array<number>(19).fill(1), 2];
    return [
      ...rows,
      ...copies.map((of, i) => rows[of]!.map((value) => value * (1 + (i % 3)) + 1e-3 * (i % 2))),
    ];
  }

  it('gives each pair once, the most alike first', async () => {
    const rows = withCopies();
    const expected = new Set<string>();
    for (let i = 0; i < rows.length; i++) {
      for (let j = i + 1; j < rows.length; j++)
        if (cosine(rows[i]!, rows[j]!) >= 0.95) expected.add(`${i} ${j}`);
    }
    expect(expected.size).toBe(3 + 190 + 1);
    await using index = await Index.from(rows, { names: rows.map((_, i) => `n${i}`) });
    const found = await index.duplicates();
    expect(new Set(found.map(({ indices }) => indices.join(' ')))).toEqual(expected);
    expect(found).toHaveLength(expected.size);
    for (const { indices, names } of found) expect(names).toEqual(indices.map((i) => `n${i}`));
    const similarities = found.map(({ similarity }) => similarity);
    expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
    // All pairs.
    expect(await index.duplicates(-1)).toHaveLength((rows.length * (rows.length - 1)) / 2);
    expect(await (await Index.from(rowsFrom(3, 9))).duplicates(0.999)).toEqual([]);
  });

  it('gives the same in blocks of any size, and refuses more pairs than can be held', async () => {
    const { vectors, dim } = rowsOf(withCopies(), {});
    const kernels = await openKernels('wasm');
    try {
      const whole = await pairsAbove(kernels, vectors, dim, 0.3);
      expect(whole.length).toBeGreaterThan(200);
      for (const blockRows of [1, 7, 33, 54]) {
        expect(await pairsAbove(kernels, vectors, dim, 0.3, { blockRows })).toEqual(whole);
      }
      await expect(pairsAbove(kernels, vectors, dim, 0.3, { most: 100 })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/more than 100 pairs .* raise the threshold/),
      });
    } finally {
      kernels.dispose();
    }
  });
});

describe('files', () => {
  it('saves and loads to the same bits, from a path, a URL, a Blob and bytes', async () => {
    const path = `${await temporaryFolder()}/deep/index.safetensors`;
    const rows = rowsFrom(20, 4);
    await using index = await Index.from(rows, {
      names: rows.map((_, i) => `ö${i}`),
      encoder: 'e.onnx',
      features: 'head',
    });
    await index.save(path);
    const bytes = await readFile(path);
    expect(await index.bytes()).toEqual(new Uint8Array(bytes));
    const expected = await index.search(rows[5]!, 20);
    for (const source of [path, pathToFileURL(path), new Blob([new Uint8Array(bytes)]), bytes]) {
      await using loaded = await Index.load(source);
      expect(loaded).toMatchObject({ size: 20, dim: DIM, encoder: 'e.onnx' });
      expect(await loaded.search(rows[5]!, 20)).toEqual(expected);
    }
  });

  it('reads what `embed` writes, and brings its rows to unit length', async () => {
    const tensors = new Map([
      ['embeddings', { dtype: 'F32' as const, shape: [2, 2], data: Float32Array.of(3, 4, 0, 2) }],
      ['labels', { dtype: 'I64' as const, shape: [2], data: BigInt64Array.of(0n, 1n) }],
    ]);
    await using index = await Index.load(writeSafetensors(tensors));
    expect(await index.search(Float32Array.of(0, 1), 2)).toEqual([
      { index: 1, similarity: 1 },
      { index: 0, similarity: Math.fround(0.8) },
    ]);
  });

  const file = (metadata: Record<string, string>, shape = [2, 2], data = Float32Array.of(1, 0, 0, 1)) =>
    writeSafetensors(new Map([['embeddings', { dtype: 'F32' as const, shape, data }]]), metadata);
  const OURS = { format: 'moco-web-index-1' };
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /too few for the header/],
    ['a header that is too long', new Uint8Array([255, 255, 255, 255, 255, 255, 255, 127]), /header of/],
    ['a cut file', file(OURS).subarray(0, -4), /take 16 bytes, the file holds 12/],
    ['no such tensor', writeSafetensors(new Map()), /no tensor 'embeddings'/],
    ['a shape that is no matrix', file(OURS, [4]), /no tensor 'embeddings' \[rows, dim\]/],
    ['no rows', file(OURS, [0, 2], new Float32Array(0)), /0 rows of 2/],
    [
      'rows of another length',
      file(OURS, [2, 2], Float32Array.of(1, 0, 0, 2)),
      /row 1 of the index has length 2/,
    ],
    ['NaN', file(OURS, [2, 2], Float32Array.of(1, 0, 0, Number.NaN)), /row 1 of the index has length NaN/],
    ['NaN of embed', file({}, [2, 2], Float32Array.of(1, 0, 0, Number.NaN)), /row 1 holds a value/],
    ['names that are no JSON', file({ ...OURS, names: '[' }), /names are not 2 texts/],
    ['too few names', file({ ...OURS, names: '["a"]' }), /names are not 2 texts/],
    ['names of another kind', file({ ...OURS, names: '[1,2]' }), /names are not 2 texts/],
    ['a later format', file({ format: 'moco-web-index-2' }), /format 'moco-web-index-2'/],
    ['metadata that is no text', metadataOf('{"__metadata__":{"names":7}}'), /not an object of texts/],
    ['metadata that is null', metadataOf('{"__metadata__":null}'), /not an object of texts/],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(Index.load(bytes)).rejects.toMatchObject({
      code: 'data-invalid',
      message: expect.stringMatching(message),
    });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['nothing there', () => Index.load('nowhere.safetensors'), 'data-missing'],
    ['no index', () => Index.load(7 as unknown as string), 'usage'],
    ['a folder', async () => (await Index.from(rowsFrom(2, 1))).save('folder/'), 'usage'],
    [
      'a place below a file',
      async () => {
        const path = `${await temporaryFolder()}/file`;
        await writeFile(path, '');
        await (await Index.from(rowsFrom(2, 1))).save(`${path}/index`);
      },
      'write-failed',
    ],
  ])('%s: refused', async (_, call, code) => {
    await expect(call()).rejects.toMatchObject({ name: 'MocoError', code });
  });
});

function metadataOf(header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}
