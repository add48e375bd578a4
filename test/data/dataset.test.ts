import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { describeDataset, openDataset } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { DATASET_KINDS } from '../../src/data/sources/registry.ts';
import { itShared } from '../golden.ts';

const DATA = fileURLToPath(new URL('./', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'moco-web-data-'));
afterAll(() => rmSync(base, { recursive: true }));

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(base, 'case-'));
});

/** Puts an image of the test data at a path below root. */
function put(path: string, image = 'images/cat/0075.jpg'): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  copyFileSync(join(DATA, image), join(root, path));
}

function write(path: string, bytes: Uint8Array | string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

describe('CIFAR-10 binary', () => {
  test('all batches and the test batch', async () => {
    const found = await describeDataset(join(DATA, 'cifar10'));
    expect(found).toMatchObject({ kind: 'cifar10', trainLength: 80, testLength: 20 });
    expect(found.classes[3]).toBe('cat');
    expect(JSON.parse(JSON.stringify(found.train))).toEqual(found.train);
    const dataset = await openDataset(found.train);
    const image = await dataset.image(79);
    expect([image.width, image.height, image.data.length]).toEqual([32, 32, 3072]);
    expect(dataset.name(79)).toBe('data_batch_1.bin#79');
    expect(found.trainLabels).toEqual(dataset.labels);
    dataset.close();
    // Descriptors are numbers that the system uses again: the second close must not close another's file.
    const other = await openDataset(found.train);
    dataset.close();
    expect((await other.image(0)).width).toBe(32);
    other.close();
    await expect(dataset.image(0)).rejects.toMatchObject({ code: 'usage' });
  });

  test('planes are interleaved', async () => {
    const record = new Uint8Array(3073);
    record.set([7, 10, 11], 0);
    record[1 + 1024] = 20;
    record[1 + 2048] = 30;
    write('data_batch_1.bin', record);
    write('data_batch_2.bin', record);
    const found = await describeDataset(root);
    expect(found).toMatchObject({ trainLength: 2, test: null, testLength: 0 });
    const { data } = await (await openDataset(found.train)).image(1);
    expect([...data.subarray(0, 4)]).toEqual([10, 20, 30, 11]);
    expect([...found.trainLabels!]).toEqual([7, 7]);
  });

  const wrong: [string, Record<string, Uint8Array>, 'cifar10' | 'auto', string, RegExp][] = [
    ['size', { 'data_batch_1.bin': new Uint8Array(3072) }, 'auto', 'data-invalid', /3072 bytes .* 3073-byte/],
    ['empty file', { 'data_batch_1.bin': new Uint8Array(0) }, 'auto', 'data-invalid', /0 bytes/],
    ['label', { 'data_batch_1.bin': new Uint8Array(3073).fill(10) }, 'auto', 'data-invalid', /label 10/],
    ['nothing there', { 'x.txt': new Uint8Array(1) }, 'cifar10', 'data-missing', /holds no data_batch/],
    [
      'the Python version',
      { data_batch_1: new Uint8Array(9), 'batches.meta': new Uint8Array(9) },
      'auto',
      'data-invalid',
      /binary version/,
    ],
  ];
  test.each(wrong)('refuses wrong data: %s', async (_name, files, kind, code, message) => {
    for (const [name, bytes] of Object.entries(files)) write(name, bytes);
    await expect(describeDataset(root, kind)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  itShared('the shared subset', async (shared) => {
    const found = await describeDataset(fileURLToPath(new URL('cifar-10-batches-bin', shared)));
    expect([found.trainLength, found.testLength]).toEqual([10_000, 2_000]);
    for (let label = 0; label < 10; label++) {
      expect(found.trainLabels!.filter((value) => value === label).length).toBe(1000);
    }
  });
});

test('CIFAR-100 has a coarse and a fine label', async () => {
  const record = new Uint8Array(3074);
  record.set([19, 99, 5]);
  write('train.bin', record);
  write('test.bin', record);
  const found = await describeDataset(root);
  expect(found).toMatchObject({ kind: 'cifar100', trainLength: 1, testLength: 1 });
  expect(found.trainLabels![0]).toBe(99);
  expect((await (await openDataset(found.train)).image(0)).data[0]).toBe(5);
});

test('STL-10 is stored column by column, labels from 1 in a file of their own', async () => {
  const record = new Uint8Array(3 * 96 * 96);
  record[1] = 200; // column 0, row 1
  write('train_X.bin', record);
  write('train_y.bin', Uint8Array.of(10));
  const found = await describeDataset(root);
  expect(found).toMatchObject({ kind: 'stl10', trainLength: 1, test: null });
  expect(found.trainLabels![0]).toBe(9);
  expect((await (await openDataset(found.train)).image(0)).data[96 * 3]).toBe(200);
});

test.each(['no-such-kind', 'drawn'])("a path is not read as '%s'", async (kind) => {
  const choices = expect.stringMatching(/choose one of .*imagefolder/);
  await expect(describeDataset(root, kind)).rejects.toMatchObject({ code: 'usage', message: choices });
});

describe('image folder', () => {
  test('classes are sorted sub-folders, nested folders belong to their class, content decides', async () => {
    put('zebra/deep/er/1.png'); // a JPEG, whatever its name says
    put('ant/2.jpg');
    put('ant/1.webp', 'formats/lossy.webp');
    put('ant/photo', 'formats/rgba.png'); // no extension
    write('ant/notes.txt', 'not an image');
    write('ant/.hidden.jpg', 'resource fork');
    write('test.bin', 'of something else');
    write('empty/readme.md', 'no images here');
    const found = await describeDataset(root);
    expect(found).toMatchObject({ kind: 'imagefolder', test: null, classes: ['ant', 'zebra'] });
    expect([...found.trainLabels!]).toEqual([0, 0, 0, 1]);
    const dataset = await openDataset(found.train);
    for (const [i, name] of ['ant/1.webp', 'ant/2.jpg', 'ant/photo', 'zebra/deep/er/1.png'].entries()) {
      expect(dataset.name(i)).toBe(`${root}/${name}`);
      expect((await dataset.image(i)).data.length).toBeGreaterThan(0);
    }
    expect(dataset.length).toBe(4);
    expect(() => dataset.name(4)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('train and val are splits; labels follow the training classes', async () => {
    put('train/b/1.jpg');
    put('train/a/1.jpg');
    put('train/c/1.jpg');
    put('val/c/1.jpg');
    const found = await describeDataset(root);
    expect([...found.trainLabels!]).toEqual([0, 1, 2]);
    expect([...found.testLabels!]).toEqual([2]);
    // A class that was never learned matters to those only who need the labels of the test split.
    put('val/d/1.jpg');
    const odd = await describeDataset(root);
    expect(odd).toMatchObject({ testLength: 2, testLabels: null, testProblem: expect.stringContaining('(d)') });
  });

  test('a flat folder has no labels', async () => {
    put('2.jpg');
    put('1.jpg');
    const found = await describeDataset(`${root}/`);
    expect(found).toMatchObject({ trainLength: 2, trainLabels: null, classes: [] });
    expect((await openDataset(found.train)).name(0)).toBe(`${root}/1.jpg`);
  });

  test('missing, empty and file paths are told apart', async () => {
    const missing = expect.objectContaining({ code: 'data-missing', message: expect.stringContaining('there is no') });
    await expect(describeDataset(join(root, 'nowhere'))).rejects.toEqual(missing);
    await expect(describeDataset(root)).rejects.toMatchObject({
      code: 'data-missing',
      message: expect.stringContaining('holds no images'),
    });
    put('1.jpg');
    const file = { code: 'data-invalid', message: expect.stringContaining('is a file: give the folder') };
    for (const kind of DATASET_KINDS) {
      await expect(describeDataset(join(root, '1.jpg'), kind)).rejects.toMatchObject(file);
    }
  });

  test('a file that vanished is no damage: it may come back', async () => {
    put('a/1.jpg');
    const { train } = await describeDataset(root);
    rmSync(join(root, 'a/1.jpg'));
    const dataset = await openDataset(train);
    await expect(dataset.image(0)).rejects.toMatchObject({ code: 'data-missing' });
    put('a/1.jpg');
    expect((await dataset.image(0)).width).toBe(32);
  });

  itShared('the shared folder', async (shared) => {
    const found = await describeDataset(fileURLToPath(new URL('cifar10-imagefolder', shared)));
    expect([found.trainLength, found.testLength, found.classes.length]).toEqual([1000, 200, 10]);
  });
});

describe.runIf(existsSync('/proc/self/fd'))('what is refused leaves no file open', () => {
  const record = (label: number) => new Uint8Array(3073).fill(label);

  /** The files below a folder that this process has open. */
  function openBelow(folder: string): string[] {
    return readdirSync('/proc/self/fd').flatMap((descriptor) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${descriptor}`);
        return path.startsWith(folder) ? [path] : [];
      } catch {
        return []; // of this very listing
      }
    });
  }

  const refused: [string, Record<string, Uint8Array>][] = [
    ['the second file cut short', { 'data_batch_1.bin': record(1), 'data_batch_2.bin': new Uint8Array(9) }],
    ['a label out of range', { 'data_batch_1.bin': record(1), 'data_batch_2.bin': record(10) }],
    ['labels that are not there', { 'train_X.bin': new Uint8Array(3 * 96 * 96) }],
    ['a test split that is none', { 'data_batch_1.bin': record(1), 'test_batch.bin': record(10) }],
  ];
  test.each(refused)('%s', async (_name, files) => {
    for (const [name, bytes] of Object.entries(files)) write(name, bytes);
    await expect(describeDataset(root)).rejects.toMatchObject({
      code: expect.stringMatching(/data-(invalid|missing)/),
    });
    expect(openBelow(root)).toEqual([]);
  });

  test('views that nobody can make', async () => {
    write('data_batch_1.bin', record(1));
    const { train } = await describeDataset(root);
    await expect(ViewLoader.open(train, 'v9', 32, 1)).rejects.toMatchObject({ code: 'usage' });
    await expect(ViewLoader.open(train, 'v2', 0, 1)).rejects.toMatchObject({ code: 'usage' });
    expect(openBelow(root)).toEqual([]);
    const loader = await ViewLoader.open(train, 'v2', 32, 1);
    expect(openBelow(root)).toEqual([join(root, 'data_batch_1.bin')]);
    loader.close();
  });

  // The kernel says that it has 4096 bytes; it has fewer than are looked into.
  const SHORT = '/sys/kernel/mm/ksm/run';
  test.runIf(existsSync(SHORT))('a file in an image folder that cannot be read', async () => {
    mkdirSync(join(root, 'a'));
    symlinkSync(SHORT, join(root, 'a', 'unnamed'));
    await expect(describeDataset(root)).rejects.toMatchObject({ code: 'data-missing' });
    expect(openBelow(SHORT)).toEqual([]);
  });
});
