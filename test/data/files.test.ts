/** Images that a page is given as files, here by blobs; folders of a disk and real pages are in test/runtimes/photos.test.ts. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { DataWorkerApi } from '../../src/data/load/data-worker.ts';
import { describeDataset, openDataset } from '../../src/data/dataset.ts';
import { describeFiles } from '../../src/data/given/describe-files.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { STREAMS } from '../../src/random.ts';
import { WorkerPool } from '../../src/scheduler/pool.ts';

const DATA = fileURLToPath(new URL('./', import.meta.url));
const bytesOf = (path: string) => readFileSync(join(DATA, path));
const CAT = bytesOf('images/cat/0075.jpg');

/** A file as an `<input webkitdirectory>` gives it. */
function fileAt(path: string, content: Uint8Array | string = CAT): File {
  const file = new File([content as BlobPart], path.split('/').at(-1)!);
  Object.defineProperty(file, 'webkitRelativePath', { value: path.includes('/') ? path : '' });
  return file;
}

const namesOf = async ({ train }: Awaited<ReturnType<typeof describeFiles>>) => {
  const dataset = await openDataset(train);
  return Array.from({ length: dataset.length }, (_, i) => dataset.name(i));
};

const folder = mkdtempSync(join(tmpdir(), 'moco-web-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('one discovery', () => {
  const trees: [string, Record<string, string>][] = [
    ['classes', { 'b/deep/1.jpg': '', 'a/2.jpg': '', 'a/10.jpg': '', 'a-b/1.jpg': '', 'empty/x.txt': 'x', 'c/.1.jpg': '' }],
    ['splits', { 'train/b/1.jpg': '', 'train/a/1.jpg': '', 'val/b/1.jpg': '', 'other/1.jpg': '' }],
    ['a flat folder', { '2.jpg': '', '1.jpg': '', 'no extension': '', 'a.txt': 'text' }],
  ];
  test.each(trees)('finds in files what the command finds in a folder: %s', async (name, tree) => {
    const root = join(folder, name);
    const given = Object.entries(tree).map(([path, content]) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content || CAT);
      return fileAt(`${name}/${path}`, content || CAT);
    });
    const expected = await describeDataset(root);
    const found = await describeFiles(given.reverse());
    const { path: _p, kind, imageSize, train: _t, test: _s, ...same } = expected;
    expect(found).toMatchObject({ ...same, kind: 'files', path: name, imageSize: 32, unreadable: [] });
    expect(kind).toBe('imagefolder');
    const disk = await openDataset(expected.train);
    const names = Array.from({ length: disk.length }, (_, i) => disk.name(i));
    expect(await namesOf(found)).toEqual(names.map((path) => path.slice(folder.length + 1)));
    const views = async (spec: typeof found.train) =>
      (await ViewLoader.open(spec, 'v2', 16, 3)).views(1, [1, 0], STREAMS.firstView);
    expect(await views(found.train)).toEqual(await views(expected.train));
  });
});

describe('folders as labels', () => {
  const photos = [fileAt('p/a/1.jpg'), fileAt('p/b/2.jpg'), fileAt('p/b/deep/3.jpg')];

  test('where there are two or more, and no photo beside them', async () => {
    const notes = [fileAt('p/notes.txt', 'x'), fileAt('p/a/.hidden', 'x'), fileAt('p/b/film.mov', 'x')];
    const found = await describeFiles([...photos, ...notes]);
    expect(found).toMatchObject({
      ...{ classes: ['a', 'b'], trainLabels: Int32Array.of(0, 1, 1), foldersAreLabels: true, noImages: 2 },
    });
    const beside = await describeFiles([...photos, fileAt('p/0.jpg')]);
    expect(beside).toMatchObject({ classes: [], trainLabels: null, trainLength: 4, foldersAreLabels: false });
    const one = await describeFiles([fileAt('p/a/1.jpg'), fileAt('p/2.txt', 'x')]);
    expect(one).toMatchObject({ classes: [], trainLabels: null, trainLength: 1 });
  });

  test('unless asked for, or not wanted', async () => {
    const none = await describeFiles(photos, { labels: false });
    expect(none).toMatchObject({ classes: [], trainLabels: null, trainLength: 3, foldersAreLabels: false });
    expect(await namesOf(none)).toEqual(['p/a/1.jpg', 'p/b/2.jpg', 'p/b/deep/3.jpg']);
    const asked = await describeFiles([...photos, fileAt('p/0.jpg')], { labels: true });
    expect(asked).toMatchObject({ classes: ['a', 'b'], trainLabels: Int32Array.of(0, 1, 1, -1) });
    const halves = ['train', 'test'].flatMap((half) => [fileAt(`p/${half}/1.jpg`), fileAt(`p/${half}/1.txt`, 'x')]);
    expect(await describeFiles([...halves, fileAt('p/index.csv', 'x')])).toMatchObject({ testLength: 1, noImages: 3 });
    const split = await describeFiles([fileAt('p/train/1.jpg'), fileAt('p/test/2.jpg')], { labels: false });
    expect(split).toMatchObject({ trainLength: 2, test: null });
  });
});

test('what cannot be read is named, and left out; what is no image is passed over', async () => {
  const given = [
    fileAt('p/good.jpg'),
    fileAt('p/empty.png', ''),
    fileAt('p/phone.heic', '\0\0\0\x18ftypheic'),
    fileAt('p/film.webp', bytesOf('formats/anim.webp')),
    fileAt('p/film.mov', '\0\0\0\x14ftypqt'),
  ];
  const asked: string[] = [];
  const found = await describeFiles(given, { progress: (done, of) => void asked.push(`${done}/${of}`) });
  expect(found).toMatchObject({ trainLength: 1, trainLabels: null, noImages: 1 });
  expect(found.unreadable).toEqual([
    { path: 'p/empty.png', reason: 'the file is empty' },
    { path: 'p/film.webp', reason: 'an animated WebP: save one frame of it' },
    { path: 'p/phone.heic', reason: 'not a JPEG, PNG, WebP, BMP, GIF or TIFF image: save it as one' },
  ]);
  expect(asked.at(-1)).toBe('4/4');
  const broken = describeFiles([given[1]!, given[2]!]);
  await expect(broken).rejects.toMatchObject({ code: 'data-missing', message: expect.stringContaining('the file is empty') });
  for (const nothing of [[], [given[4]!]]) {
    await expect(describeFiles(nothing)).rejects.toMatchObject({ code: 'data-missing' });
  }
  await expect(describeFiles([7 as unknown as Blob])).rejects.toMatchObject({ code: 'usage' });
  await expect(describeFiles([CAT as unknown as Blob])).rejects.toMatchObject({ code: 'usage' });
  await expect(describeFiles(given, { reduceTo: 3 })).rejects.toMatchObject({ code: 'usage' });
});

test('a file that is torn further on is a corrupt image', async () => {
  const found = await describeFiles([fileAt('a.jpg'), fileAt('b.jpg', CAT.subarray(0, CAT.length / 2))]);
  expect(found).toMatchObject({ trainLength: 2, unreadable: [] });
  const { skipped } = await (await ViewLoader.open(found.train, 'v2', 16, 0)).plain([1]);
  expect(skipped).toMatchObject([{ index: 1, path: 'files/b.jpg' }]);
});

test('blobs have numbers for names; of two files of one name both are taken', async () => {
  const found = await describeFiles([new Blob([CAT]), fileAt('x.jpg'), fileAt('x.jpg'), fileAt('x.jpg')], { name: 'drop' });
  expect(await namesOf(found)).toEqual(['drop/image 1', 'drop/x (2).jpg', 'drop/x (3).jpg', 'drop/x.jpg']);
});

test('workers are posted blobs, and make the same views of them', async () => {
  const given = readdirSync(join(DATA, 'images/cat')).map((name) => fileAt(name, bytesOf(`images/cat/${name}`)));
  const { train } = await describeFiles(given);
  const pool = await WorkerPool.start<DataWorkerApi>('data-worker.js', 1, (remote) => remote.open(train, 'v2', 24, 5));
  try {
    const views = await pool.run('views', (remote) => remote.views(1, [2, 0, 1], STREAMS.secondView));
    const loader = await ViewLoader.open(train, 'v2', 24, 5);
    expect(views.images).toEqual((await loader.views(1, [2, 0, 1], STREAMS.secondView)).images);
  } finally {
    await pool.dispose();
  }
});

test('large images are reduced once, and kept', async () => {
  const { train } = await describeFiles([fileAt('a.jpg')], { reduceTo: 16 });
  const dataset = await openDataset(train);
  const image = await dataset.image(0);
  expect([image.width, image.height, image.data.length]).toEqual([16, 16, 768]);
  expect(await dataset.image(0)).toBe(image);
  const whole = await openDataset((await describeFiles([fileAt('a.jpg')], { reduceTo: null })).train);
  expect((await whole.image(0)).width).toBe(32);
});
