/** Images in tar archives: the same as in folders, read where they lie. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { describeDataset, openDataset, withDataset } from '../../src/data/dataset.ts';
import { describeFiles } from '../../src/data/given/describe-files.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { tarMembers } from '../../src/data/tar/members.ts';
import type { MocoError } from '../../src/errors.ts';
import { STREAMS } from '../../src/random.ts';
import { fileSize } from '../../src/runtime/data-files.ts';
import { imageDigest } from '../../src/train/image-digest.ts';
import { altered, lay, pack } from './archives.ts';

const IMAGES = fileURLToPath(new URL('images', import.meta.url));
const CAT = readFileSync(join(IMAGES, 'cat/0075.jpg'));
const base = mkdtempSync(join(tmpdir(), 'moco-shards-'));
afterAll(() => rmSync(base, { recursive: true }));

describe('class folders in an archive', () => {
  const long = `${'a long name '.repeat(18)}ü.jpg`; // 222 bytes: neither in a name of 100 nor in a prefix of 155
  const root = lay(join(base, 'folders'), { 'dog/1.jpg': CAT, [`cat/${long}`]: CAT, 'cat/plain.jpg': CAT, 'notes.txt': 'x', '.hidden/1.jpg': CAT });

  test.each(['gnu', 'pax'])('are those of the folder: %s', async (format) => {
    const archive = pack(join(base, `${format}.tar`), root, ['.'], format);
    const told: number[] = [];
    const progress = (images: number) => void told.push(images);
    const folder = await describeDataset(root, 'auto', { progress });
    expect(told.at(-1)).toBe(3);
    const data = await describeDataset(archive, 'auto', { progress });
    expect(told.at(-1)).toBe(3);
    expect(data).toMatchObject({ kind: 'tarshards', path: archive, trainLength: 3, trainLabels: folder.trainLabels, classes: ['cat', 'dog'], notes: folder.notes });
    const [ours, theirs] = [await openDataset(structuredClone(data.train)), await openDataset(folder.train)];
    for (let i = 0; i < 3; i++) {
      expect(ours.name(i)).toBe(theirs.name(i).replace(root, `${format}.tar`));
      expect(await ours.size!(i)).toBe(CAT.length);
      expect(await ours.image(i)).toEqual(await theirs.image(i));
    }
    ours.close();
    expect(() => ours.name(3)).toThrow(/no image 3/);
  });

  test('views are the same, bit by bit', async () => {
    const archive = pack(join(base, 'views.tar'), IMAGES);
    const views = async (path: string) => {
      const loader = await ViewLoader.open((await describeDataset(path)).train, 'v2', 16, 3);
      const made = await loader.views(1, [0, 1, 2, 3], STREAMS.firstView);
      loader.close();
      return made;
    };
    const [folder, tar] = [await views(IMAGES), await views(archive)];
    expect(tar.images).toEqual(folder.images);
    expect(tar.labels).toEqual(folder.labels);
  });

  test('also spread over shards, with files of one name', async () => {
    const shards = join(base, 'spread');
    for (const shard of ['a', 'b']) pack(join(shards, `${shard}.tar`), root, ['cat/plain.jpg', 'dog'], 'ustar');
    const data = await describeDataset(shards);
    expect(data).toMatchObject({ trainLabels: Int32Array.of(0, 0, 1, 1), classes: ['cat', 'dog'] });
    await withDataset(data.train, (dataset) =>
      expect([0, 1, 2, 3].map((i) => dataset.name(i))).toEqual(
        expect.arrayContaining(['a.tar/cat/plain.jpg', 'b.tar/cat/plain.jpg', 'a.tar/dog/1.jpg', 'b.tar/dog/1.jpg']),
      ));
  });

  test('images that came in an archive that is still there are read from their folders', async () => {
    const beside = join(base, 'beside');
    lay(beside, { 'cat/1.jpg': CAT, 'dog/1.jpg': CAT });
    pack(join(beside, 'all.tar'), root);
    expect(await describeDataset(beside)).toMatchObject({ kind: 'imagefolder', trainLength: 2 });
  });
});

describe('samples', () => {
  const root = join(base, 'samples');
  const samples = (folder: string, keys: readonly string[], label: (i: number) => [string, string]) => {
    const at = join(root, folder);
    const names = keys.flatMap((key, i) => {
      const [ending, text] = label(i);
      lay(at, { [`${key}.jpg`]: CAT, [`${key}.${ending}`]: text });
      return [`${key}.jpg`, `${key}.${ending}`];
    });
    return { at, names };
  };

  test('their labels, numbers in their order, and what is left out', async () => {
    const { at, names } = samples('numbers', ['x/b', 'x/a', 'x/c', 'x/d'], (i) => ['cls', ['10', '2\n', '10', ''][i]!]);
    lay(at, { 'x/b.depth.png': CAT, 'x/lonely.cls': '7', 'x/._b.jpg': 'mac' });
    symlinkSync('b.jpg', join(at, 'x/z.jpg'));
    const archive = pack(join(base, 'numbers.tar'), at, [names[0]!, 'x/b.depth.png', ...names.slice(1), 'x/lonely.cls', 'x/._b.jpg', 'x/z.jpg']);
    const data = await describeDataset(archive);
    expect(data).toMatchObject({ classes: ['2', '10'], trainLabels: Int32Array.of(1, 0, 1, -1), test: null });
    expect(data.notes).toEqual(['1 link left out', '1 image beside the first of a sample left out', '1 sample without a label']);
    await withDataset(data.train, async (dataset) => {
      expect(dataset.name(0)).toBe('numbers.tar/x/b.jpg');
      expect((await dataset.image(1)).width).toBe(32);
    });
  });

  test('of shards by a pattern, a range, a folder, by their splits', async () => {
    const shards = join(base, 'webdataset');
    const named = (i: number): [string, string] => ['json', JSON.stringify({ label: ['dog', 'cat'][i], caption: 'x' })];
    const { at, names } = samples('words', ['000', '001'], named);
    for (const name of ['train-000000', 'train-000001', 'val-000000', 'test-000000']) pack(join(shards, `${name}.tar`), at, names);
    const split = await describeDataset(shards);
    expect(split).toMatchObject({ trainLabels: Int32Array.of(1, 0, 1, 0), testLabels: Int32Array.of(1, 0), classes: ['cat', 'dog'] });
    expect(split.notes).toEqual(['splits train and val by the names of shards', '1 shard of other splits left out']);
    for (const pattern of ['train-*.tar', 'train-{000000..000001}.tar']) {
      expect(await describeDataset(join(shards, pattern))).toMatchObject({ trainLength: 4, test: null, path: join(shards, pattern) });
    }
    mkdirSync(join(shards, 'train'));
    mkdirSync(join(shards, 'val'));
    for (const name of ['train-000001', 'val-000000']) renameSync(join(shards, `${name}.tar`), join(shards, name.slice(0, -7), 'a.tar'));
    for (const name of ['train-000000', 'test-000000']) rmSync(join(shards, `${name}.tar`));
    expect(await describeDataset(shards)).toMatchObject({ trainLength: 2, testLength: 2 });
    for (const gone of ['other-*.tar', 'train-{0..3}.tar'])
      await expect(describeDataset(join(shards, gone))).rejects.toMatchObject({ code: 'data-missing' });
  });

  test('that have no labels are images without classes', async () => {
    const { at, names } = samples('captions', ['0', '1'], () => ['txt', 'a cat']);
    const shards = join(base, 'unlabeled');
    for (const name of ['0', '1']) pack(join(shards, `${name}.tar`), at, names);
    expect(await describeDataset(shards)).toMatchObject({ trainLength: 4, trainLabels: null, classes: [] });
  });
});

test('a page is given archives', async () => {
  const at = lay(join(base, 'page'), { '0.jpg': CAT, '0.cls': 'cat', '1.jpg': CAT, '1.cls': 'a/dog' });
  const archive = new File([readFileSync(pack(join(base, 'page.tar'), at, ['0.jpg', '0.cls', '1.jpg', '1.cls']))], 'page.tar');
  const data = await describeFiles([archive]);
  expect(data).toMatchObject({ classes: ['a_dog', 'cat'], trainLabels: Int32Array.of(0, 1), imageSize: 32 });
  await withDataset(data.train, async (dataset) => {
    expect(dataset.name(1)).toBe('page.tar/cat/0.jpg');
    expect((await dataset.image(1)).width).toBe(32);
  });
  const folders = new File([readFileSync(pack(join(base, 'page-folders.tar'), IMAGES))], 'a.tar');
  expect(await describeFiles([folders])).toMatchObject({ classes: ['airplane', 'cat'], trainLength: 6 });
  await expect(describeFiles([new File([CAT], 'a.tar')])).rejects.toMatchObject({ code: 'data-invalid' });
});

test('sizes of files on a disk that answers late are the same', async () => {
  const files = ['cat/0075.jpg', 'cat/none.jpg'].map((name) => join(IMAGES, name));
  const late = vi.spyOn(performance, 'now');
  let now = 0;
  late.mockImplementation(() => ++now);
  for (let i = 0; i < 40; i++) expect(await Promise.all(files.map(fileSize))).toEqual([CAT.length, null]);
  late.mockRestore();
  // The clock was asked before and after each of the first, and then no more.
  expect(now).toBeLessThan(40);
});

test('what a run learned from is known again in another place, and a shard that is away comes back', async () => {
  const [here, there] = [join(base, 'here'), join(base, 'there')];
  const archive = pack(join(here, '0.tar'), IMAGES);
  const data = await describeDataset(here);
  const digest = await imageDigest(data);
  const dataset = await openDataset(data.train);
  renameSync(here, there);
  await expect(dataset.image(0)).rejects.toMatchObject({ code: 'data-missing' });
  expect(await imageDigest(await describeDataset(there))).toBe(digest);
  renameSync(there, here);
  expect((await dataset.image(0)).width).toBe(32);
  dataset.close();
  // It is another one now.
  writeFileSync(archive, CAT);
  const later = await openDataset(data.train);
  await expect(later.image(0)).rejects.toMatchObject({ code: 'data-missing' });
});

test('bodies are passed over', async () => {
  const root = lay(join(base, 'large'), { 'a.jpg': new Uint8Array(2 ** 20), 'b.jpg': new Uint8Array(2 ** 20), 'b.cls': '1' });
  const bytes = readFileSync(pack(join(base, 'large.tar'), root));
  let read = 0;
  const file = { name: 'large.tar', size: bytes.length, read: (offset: number, length: number) => ((read += length), bytes.subarray(offset, offset + length)) };
  const found: string[] = [];
  for await (const { name, size } of tarMembers(file, () => {})) found.push(`${name} ${size}`);
  expect(found.sort()).toEqual(['a.jpg 1048576', 'b.cls 1', 'b.jpg 1048576']);
  expect(read).toBeLessThan(5 * 4096);
});

describe('refused in one line', () => {
  const root = lay(join(base, 'refused'), { 'cat/1.jpg': CAT });
  const good = pack(join(base, 'good.tar'), root, ['cat/1.jpg']);
  const whole = new Uint8Array(readFileSync(good));
  const pax = pack(join(base, 'good-pax.tar'), lay(join(base, 'paxed'), { [`cat/${'ü'.repeat(110)}.jpg`]: CAT }), ['cat'], 'pax');
  const paxAt = readFileSync(pax).indexOf('path=') - 4 - 512;

  test.each<[string, Uint8Array, RegExp]>([
    ['cut in a body', whole.subarray(0, 800), /ends inside "cat\/1\.jpg": is it complete/],
    ['cut in a header', whole.subarray(0, 100), /ends inside a header/],
    ['empty', new Uint8Array(0), /ends inside a header/],
    ['compressed', gzipSync(whole), /is compressed: unpack it/],
    ['something else', new Uint8Array(2048).fill(65), /is no tar archive/],
    ['a body that is longer than it says', altered(good, 0, 124, '00000000001\0'), /no header where one should be/],
    ['a name that leads out', altered(good, 0, 0, '../../etc/passwd\0'), /name "\.\.\/\.\.\/etc\/passwd"/],
    ['a size that is no number', altered(good, 0, 124, 'nine bytes!\0'), /without a size/],
    ['a size beyond all files', altered(good, 0, 124, Uint8Array.of(0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255)), /without a size/],
    ['a size of 16 GB', altered(good, 0, 124, Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)), /ends inside/],
    ['a sparse file', altered(good, 0, 156, 'S'), /as a sparse file/],
    ['a name as long as the file', altered(good, 0, 156, 'L'), /ends inside|name of|no header|holds no images/],
    ['a pax header of lengths that lie', altered(pax, paxAt, 512, '999999 '), /damaged pax header/],
  ])('%s', async (name, bytes, message) => {
    const path = join(base, `${name}.tar`);
    writeFileSync(path, bytes);
    const error: MocoError = await describeDataset(path).catch((thrown) => thrown);
    expect(error.code).toMatch(/^data-(invalid|missing)$/);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  test('one without an end mark is read, and told', async () => {
    const path = join(base, 'endless.tar');
    writeFileSync(path, whole.subarray(0, 512 * (1 + Math.ceil(CAT.length / 512))));
    expect((await describeDataset(path)).notes).toContainEqual(expect.stringMatching(/no end mark/));
  });
});
