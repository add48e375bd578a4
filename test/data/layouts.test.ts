/** How people lay out images, and what is printed of it: the table of docs/data.md. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { openWeighedData } from '../../src/cli/data.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { describeDataset, openDataset } from '../../src/data/dataset.ts';
import { describeFiles } from '../../src/data/given/describe-files.ts';

const base = mkdtempSync(join(tmpdir(), 'moco-layouts-'));
afterAll(() => rmSync(base, { recursive: true }));
const CAT = fileURLToPath(new URL('images/cat/0075.jpg', import.meta.url));
const DOCS = readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8');
const LOG = '{"type":"run","config":{}}\n';

/** Folders with as many images; what ends in a suffix is one file. */
type Layout = Readonly<Record<string, number | string>>;

function lay(name: string, layout: Layout): string {
  const root = join(base, name);
  for (const [path, what] of Object.entries(layout)) {
    const at = join(root, path);
    if (typeof what === 'string') {
      mkdirSync(join(at, '..'), { recursive: true });
      if (what.startsWith('→')) symlinkSync(what.slice(1), at);
      else writeFileSync(at, what);
      continue;
    }
    mkdirSync(at, { recursive: true });
    for (let i = 0; i < what; i++) copyFileSync(CAT, join(at, `${i}.jpg`));
  }
  return root;
}

/** Name of a row in docs/data.md, what lies there, and what is printed of it but for the path. */
const LAYOUTS: readonly (readonly [string, Layout, string])[] = [
  ['a folder a class', { cat: 3, dog: 2 }, '5 training images in 2 classes'],
  ['splits', { 'train/cat': 2, 'train/dog': 1, 'test/cat': 1, 'test/dog': 1 }, '3 training images in 2 classes, 2 test images; splits train/ and test/'],
  ['splits in capitals', { 'Train/cat': 2, 'Train/dog': 1, 'Test/cat': 1 }, '3 training images in 2 classes, 1 test image; splits Train/ and Test/'],
  ['one level down, as zips unpack', { 'set/training_set/cat': 2, 'set/training_set/dog': 1, 'set/test_set/dog': 1, '__MACOSX/set/cat': 3 }, '3 training images in 2 classes, 1 test image; splits set/training_set/ and set/test_set/; taken from set/, the only folder'],
  ['classes one level down', { 'photos/cat': 2, 'photos/dog': 1 }, '3 training images in 2 classes; taken from photos/, the only folder'],
  ['a flat test split', { 'train/cat': 2, 'train/dog': 1, val: 4 }, '3 training images in 2 classes, 4 test images, unlabeled; splits train/ and val/; val/ has no class folders: its images are unlabeled'],
  ['three splits', { 'train/cat': 2, 'train/dog': 1, 'val/cat': 1, test: 3 }, '3 training images in 2 classes, 1 test image; splits train/ and val/; test/ left out (3 images)'],
  ['an odd test split', { 'train/cat': 2, 'train/dog': 1, 'test/cat': 1, 'test/zebra': 1 }, '3 training images in 2 classes, 2 test images, unlabeled; splits train/ and test/; test/ has a class that the training split has not (zebra): its images are unlabeled'],
  ['an empty test split', { 'train/cat': 2, 'train/dog': 1, 'val/cat': 0 }, '3 training images in 2 classes; splits train/; val/ holds no images'],
  ['images beside class folders', { cat: 2, dog: 1, '.': 4 }, '3 training images in 2 classes and 4 unlabeled; 4 images beside the class folders taken without a label'],
  ['no class folders', { '.': 4, 'notes.txt': 'x' }, '4 training images, unlabeled; 1 other file left out'],
  ['a class named train', { bus: 1, car: 1, train: 2 }, '4 training images in 3 classes'],
  ['links that lead nowhere', { cat: 1, dog: 1, 'cat/loop': '→loop', 'dog/up': '→..', 'dog/x.jpg': '→gone' }, '2 training images in 2 classes; left out: cat/loop (a link to itself), dog/up (a link to a folder that it lies in), dog/x.jpg (a link to nothing)'],
  ['runs beside the images', { cat: 1, dog: 1, 'moco-run-1': 1, 'moco-run-1/log.jsonl': LOG, 'runs/b/step-000010': 1, 'runs/b/step-000010/state.json': '{}' }, '2 training images in 2 classes; no class, as no image is in them: runs/; run directories left out: moco-run-1/, runs/b/'],
];

test.each(LAYOUTS)('%s', async (name, layout, told) => {
  const root = lay(name.replaceAll(' ', '-'), layout);
  const lines: string[] = [];
  const terminal = { out: (line: string) => void lines.push(line) } as Terminal;
  const data = await openWeighedData({ data: root, dataset: 'auto' }, null, 32, terminal);
  terminal.tally!.tell();
  const [facts, ...notes] = told.split('; ');
  expect(lines).toEqual([[`data: ${facts} (imagefolder ${root})`, ...notes].join('; ')]);
  expect(DOCS).toContain(`| ${told} |`);
  // All that is told of is there.
  const opened = await openDataset(data.train);
  for (let i = 0; i < opened.length; i++) expect((await opened.image(i)).width).toBe(32);
});

test('a page finds the same', async () => {
  const file = (path: string) => {
    const made = new File([readFileSync(CAT)], path.split('/').at(-1)!);
    Object.defineProperty(made, 'webkitRelativePath', { value: path });
    return made;
  };
  const found = await describeFiles(
    ['p/Training/cat/1.jpg', 'p/Training/dog/1.jpg', 'p/Validation/dog/1.jpg', 'p/Training/2.jpg'].map(file),
    { labels: true },
  );
  expect(found).toMatchObject({ trainLabels: Int32Array.of(0, 1, -1), testLabels: Int32Array.of(1) });
  expect(found.notes).toEqual(['1 image beside the class folders of Training/ taken without a label', 'splits Training/ and Validation/'].reverse());
});

test('a run directory is no data', async () => {
  const root = lay('a-run', { '.': 2, 'log.jsonl': LOG });
  await expect(describeDataset(root)).rejects.toMatchObject({ code: 'data-missing', message: expect.stringContaining('run directory') });
});

test.each([
  ['a.txt', '# mine\ncat/0.jpg\n\ndog/0.jpg\r\ndog/none.jpg\n', '2 training images, unlabeled; 1 file not there: dog/none.jpg'],
  ['b.txt', 'cat/0.jpg 7\ndog/0.jpg 11\n', '2 training images in 2 classes'],
  ['c.csv', 'split,path,label\ntrain,cat/0.jpg,cat\ntest,dog/0.jpg,dog\ntrain,cat/1.jpg,dog\n', '2 training images in 2 classes, 1 test image'],
  ['d.csv', '\ufeffcat/0.jpg,cat\n"dog/0.jpg","a ""dog"", wet"\n', '2 training images in 2 classes'],
  ['e.tsv', 'file\tclass\ncat/0.jpg\tcat\ndog/0.jpg\t\n', '1 training image in 1 class and 1 unlabeled; 1 of the listed images have no label'],
])('a list of images: %s', async (name, text, told) => {
  const root = lay(`list-${name}`, { cat: 2, dog: 1, [name]: text });
  const lines: string[] = [];
  const path = join(root, name);
  const terminal = { out: (line: string) => void lines.push(line) } as Terminal;
  const data = await openWeighedData({ data: path, dataset: 'auto' }, null, 32, terminal);
  terminal.tally!.tell();
  const [facts, ...notes] = told.split('; ');
  expect(lines).toEqual([[`data: ${facts} (imagelist ${path})`, ...notes].join('; ')]);
  const opened = await openDataset(data.train);
  expect(opened.name(0)).toBe(join(root, 'cat/0.jpg'));
  expect((await opened.image(0)).width).toBe(32);
  if (name === 'd.csv') expect(data.classes).toEqual(['a "dog", wet', 'cat']);
});

test.each([
  ['empty.txt', '# nothing\n', 'data-invalid', /lists no image/],
  ['gone.csv', 'a.jpg,1\n', 'data-missing', /none of the 1 files/],
  ['web.txt', 'https://example.org/a.jpg\n', 'data-invalid', /nothing is fetched/],
  ['wide.csv', 'a,b,c\n1,2,3\n', 'data-invalid', /3 columns and none is named 'path'/],
  ['open.csv', 'path\n"a.jpg\n', 'data-invalid', /no end/],
  ['bytes.csv', '\xff\xfe', 'data-invalid', /UTF-8/],
])('a list that is none: %s', async (name, text, code, message) => {
  const root = lay(`none-${name}`, {});
  mkdirSync(root);
  writeFileSync(join(root, name), text, 'latin1');
  await expect(describeDataset(join(root, name))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
