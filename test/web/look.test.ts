/** What Look says in numbers, and the files of Take away, against plain computations. */
import { expect, it } from 'vitest';
import { agreement, chanceLevel } from '../../web/src/look/agreement.ts';
import { extended, isInside, type Loop } from '../../web/src/look/lasso.ts';
import { meanSimilarity } from '../../web/src/look/neighbors-of-all.ts';
import { csvField, pairsAsCsv } from '../../web/src/look/pairs-csv.ts';
import { likelyDuplicate, typicalSimilarity } from '../../web/src/look/typical.ts';
import { csvParts, npyParts } from '../../web/src/take/rows-files.ts';

/** Two neighbors of each of five rows; the last row has no label. */
const neighbors = {
  k: 2,
  rows: Int32Array.of(1, 2, 0, 2, 3, 0, 2, 1, 0, 1),
  similarities: Float32Array.of(0.9, 0.8, 0.9, 0.7, 0.6, 0.8, 0.6, 0.5, 0.4, 0.2),
};
const labels = Int32Array.of(0, 0, 1, 0, -1);

it('counts how often neighbors name the folder, and what they mistake', () => {
  // Rows 0 and 1 are right; row 2 has two neighbors of folder 0; of row 3 the nearest, of folder 1, outweighs the other:
  // exp(-4) against exp(-5).
  const { share, mistaken } = agreement(neighbors, labels, 2);
  expect(share).toBe(2 / 4);
  expect(mistaken).toEqual([
    { label: 1, named: 0, share: 1 },
    { label: 0, named: 1, share: 1 / 3 },
  ]);
  expect(chanceLevel(labels, 2)).toBe(3 / 4);
  expect(chanceLevel(Int32Array.of(-1), 2)).toBe(0);
});

it('knows how alike any two rows are, of whatever length', () => {
  const rows = [Float32Array.of(3, 0), Float32Array.of(0, 2), Float32Array.of(1, 1)];
  // Cosines 0, √½, √½.
  expect(typicalSimilarity(rows)).toBeCloseTo((2 * Math.SQRT1_2) / 3, 12);
  expect(typicalSimilarity(rows.slice(1, 2))).toBe(0);
  expect(likelyDuplicate(0.6)).toBe(0.98);
  expect(likelyDuplicate(-1)).toBe(0.9);
  expect(likelyDuplicate(1)).toBe(0.999);
});

it('takes the mean of so many neighbors as there are', () => {
  const close = (values: number[]) => values.map((value) => expect.closeTo(value, 6));
  expect([...meanSimilarity(neighbors, 1)]).toEqual(close([0.9, 0.9, 0.6, 0.6, 0.4]));
  expect([...meanSimilarity(neighbors, 10)]).toEqual(close([0.85, 0.8, 0.7, 0.55, 0.3]));
});

it('writes names that spreadsheets read as names', async () => {
  expect(csvField('a "b", c')).toBe('"a ""b"", c"');
  expect(csvField('=1+1')).toBe("'=1+1");
  const pairs = [{ indices: [0, 1] as const, similarity: 0.5 }];
  expect(pairsAsCsv(pairs, ['a', 'b,c'])).toBe('first,second,similarity\r\na,"b,c",0.500000\r\n');
  const rows = Array.from({ length: 20 }, (_, i) => Float32Array.of(i, 0.5));
  const text = (
    await csvParts(
      rows,
      rows.map((_, i) => `n${i}`),
      (row) => (row === 1 ? 'f' : null),
    )
  ).join('');
  expect(text.split('\r\n')).toHaveLength(22);
  expect(text).toMatch(/^name,folder,x0,x1\r\nn0,,0,0\.5\r\nn1,f,1,0\.5\r\n/);
});

it('writes rows as NumPy reads them', async () => {
  const bytes = Buffer.from(
    await new Blob(npyParts([Float32Array.of(1, 2), Float32Array.of(3, 4)])).arrayBuffer(),
  );
  const start = 10 + bytes.readUInt16LE(8);
  expect(start % 64).toBe(0);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]));
  expect(bytes.subarray(10, start).toString()).toMatch(
    /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 2\), \} *\n$/,
  );
  expect([0, 4, 8, 12].map((at) => bytes.readFloatLE(start + at))).toEqual([1, 2, 3, 4]);
  expect(bytes.length).toBe(start + 16);
});

it('knows what lies in a loop that was drawn, bays and all', () => {
  const corners = [0, 0, 10, 0, 10, 10, 5, 3, 0, 10];
  const loop: Loop = corners.reduce<Loop>(
    (drawn, x, i) => (i % 2 ? drawn : extended(drawn, x, corners[i + 1]!)),
    [],
  );
  expect(loop).toEqual(corners);
  expect(extended(loop, 1, 9)).toBe(loop);
  const inside = [
    [1, 1],
    [9, 1],
    [1, 7],
    [5, 2],
    [5, 8],
    [11, 5],
    [-1, 0],
  ].map(([x, y]) => isInside(loop, x!, y!));
  expect(inside).toEqual([true, true, true, true, false, false, false]);
});
