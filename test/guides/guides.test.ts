/** Each guide's code runs, and gives what the guide says. What needs a GPU runs in test/gpu/guide.test.ts. */
import { readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocksOf, readersFolder, runBlock } from './guide.ts';

/** Steps and widths that leave seconds of work. Each has to stand in its guide. */
const SHORTER: readonly (readonly [string, string])[] = [
  ['--minutes 10', '--steps 2 --width 4 --image-size 16 --batch-size 16 --backend wasm'],
  ['--width 16 --image-size 32', '--width 4 --image-size 16 --backend wasm'],
  ['--epochs 20 --knn-every 5', '--epochs 1 --knn-every 1'],
  ['--epochs 30', '--epochs 2'],
  ['--epochs 5 --out runs/encoder', '--steps 1 --backend wasm --out runs/encoder'],
];

/** Of the README's. */
const SMALL = '{ steps: 2, width: 4, imageSize: 16, batchSize: 16 }';

/** By guide: what its blocks print, one after the other. Guides that need a run of an earlier one come after it. */
const GUIDES: Readonly<Record<string, readonly RegExp[]>> = {
  'search-my-photos': [/done: 2 steps/, /photos\/a\/0\.png/, /1\.000 photos\//],
  'pretrain-a-folder': [
    /kNN after 1 epoch: /,
    /report/,
    /chance level 4\.17[\s\S]*\ndone\n/,
    /\nusage there is no setting 'epoch' \(did you mean 'epochs'/,
  ],
  'any-onnx-encoder': [/the model runs and trains/, /done: 1 steps/, /\n2 \d/],
  evaluate: [/top-1/, /\d true\n/],
  'test-your-gpu': [/report: report\.md/, /pass 1/],
  'how-it-works': [/nodes → \d+ forward, \d+ backward\n\d+ activations are kept/],
};
const WITHOUT_CODE = ['platforms-peers-limits'];

let folder = '';
beforeAll(async () => {
  folder = await readersFolder();
});
afterAll(() => rm(folder, { recursive: true }));

test('every guide is run, and every shortening stands in one', async () => {
  const files = readdirSync(fileURLToPath(new URL('../../docs/guides', import.meta.url)));
  const names = files.map((file) => file.replace(/\.md$/, ''));
  expect(names.sort()).toEqual([...Object.keys(GUIDES), ...WITHOUT_CODE].sort());
  const all = (await Promise.all(names.map(blocksOf)))
    .flat()
    .map(({ text }) => text)
    .join('\n');
  expect(SHORTER.filter(([from]) => !all.includes(from))).toEqual([]);
  expect((await Promise.all(WITHOUT_CODE.map(blocksOf))).flat()).toEqual([]);
});

test("the README's first program runs", async () => {
  const readme = await readFile(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
  const [, program = ''] = readme.match(/find those that look alike:\n\n((?: {4}.*\n|\n)+)/) ?? [];
  const text = program.replace(/^ {4}/gm, '');
  expect(text.trim().split('\n').length).toBeLessThanOrEqual(20);
  const printed = await runBlock(folder, { kind: 'js', text }, [
    ["resolveConfig('photos', {}, facts)", `resolveConfig('photos', ${SMALL}, facts)`],
    ["await readdir('photos')", "await readdir('photos/a')"],
    ['photos/$', 'photos/a/$'],
    ['runs/photos', 'runs/readme'],
  ]);
  expect(printed).toMatch(/^photos: 40 images, [\s\S]*\n2 [\s\S]*\n1\.000 photos\/a\//);
}, 300_000);

describe.each(Object.entries(GUIDES))('%s', (guide, expected) => {
  test('its code runs', async () => {
    const blocks = (await blocksOf(guide)).filter(({ kind }) => kind === 'sh' || kind === 'js');
    const printed: string[] = [];
    for (const block of blocks) printed.push(await runBlock(folder, block, SHORTER));
    for (const pattern of expected) expect(printed.join('\n')).toMatch(pattern);
    if (guide === 'test-your-gpu')
      expect(await readFile(`${folder}/report.md`, 'utf8')).toMatch(/^- versions: /m);
  }, 300_000);
});
