/** Files that cannot be read for a while, or any more. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { describeDataset, openDataset } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { PatientReader } from '../../src/data/load/patience.ts';

const base = mkdtempSync(join(tmpdir(), 'moco-patience-'));
afterAll(() => rmSync(base, { recursive: true }));
const CAT = fileURLToPath(new URL('images/cat/0075.jpg', import.meta.url));

function folder(images: number): string {
  const root = mkdtempSync(join(base, 'case-'));
  for (let i = 0; i < images; i++) copyFileSync(CAT, join(root, `${String(i).padStart(3, '0')}.jpg`));
  return root;
}

test('a disk that is away for a moment costs no image', async () => {
  const root = folder(3);
  const loader = await ViewLoader.open((await describeDataset(root)).train, 'v2', 16, 0);
  renameSync(root, `${root}-away`);
  setTimeout(() => renameSync(`${root}-away`, root), 300);
  const { skipped, indices } = await loader.plain([0, 1, 2]);
  expect([skipped, [...indices]]).toEqual([[], [0, 1, 2]]);
});

test('a file that cannot be read is skipped, and tried again the next time; a damaged one is not', async () => {
  const root = folder(3);
  const loader = await ViewLoader.open((await describeDataset(root)).train, 'v2', 16, 0);
  renameSync(join(root, '000.jpg'), join(root, 'away'));
  writeFileSync(join(root, '001.jpg'), 'no image at all, however long it may be');
  const first = await loader.plain([0, 1]);
  expect([...first.indices]).toEqual([2, 2]);
  expect(first.skipped.map(({ path, reason }) => [path, /ENOENT|not a JPEG/.exec(reason)?.[0]])).toEqual([
    [join(root, '000.jpg'), 'ENOENT'],
    [join(root, '001.jpg'), 'not a JPEG'],
  ]);
  renameSync(join(root, 'away'), join(root, '000.jpg'));
  copyFileSync(CAT, join(root, '001.jpg'));
  expect([...(await loader.plain([0, 1])).indices]).toEqual([0, 2]);
});

test('a folder that is gone ends it, with a word of it', async () => {
  const root = folder(40);
  const loader = await ViewLoader.open((await describeDataset(root)).train, 'v2', 16, 0);
  rmSync(root, { recursive: true });
  await expect(loader.plain([0])).rejects.toMatchObject({
    code: 'data-missing',
    message: expect.stringMatching(/31 files before it: is the disk there/),
  });
});

test('only the first of files that cannot be read is waited for', async () => {
  const root = folder(20);
  const dataset = await openDataset((await describeDataset(root)).train);
  rmSync(root, { recursive: true });
  const reader = new PatientReader(dataset, [200]);
  const began = performance.now();
  for (let i = 0; i < 10; i++) expect(await reader.read(i)).toMatchObject({ image: null, forGood: false });
  expect(performance.now() - began).toBeLessThan(1500);
});
