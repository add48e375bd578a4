/** The index of tar archives that a run keeps: the same data as by reading all headers, or it is not taken. */
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { LoadedCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { openDataOf, openWeighedData } from '../../src/cli/data.ts';
import { crc32 } from '../../src/crc32.ts';
import { type DatasetDescription, describeDataset, withDataset } from '../../src/data/dataset.ts';
import { shareOfLabels } from '../../src/data/derived/label-share.ts';
import { keepIndex, TAR_INDEX } from '../../src/data/tar/index-file.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { imageDigest } from '../../src/train/image-digest.ts';
import { exampleState } from '../checkpoint/example.ts';
import { FakeTerminal } from '../cli/run-command.ts';
import { altered, lay, pack } from './archives.ts';

const IMAGES = fileURLToPath(new URL('images', import.meta.url));
const CAT = readFileSync(join(IMAGES, 'cat/0075.jpg'));
const AIRPLANE = readFileSync(join(IMAGES, 'airplane/0025.jpg'));
const base = mkdtempSync(join(tmpdir(), 'moco-tar-index-'));
afterAll(() => rmSync(base, { recursive: true }));

const files = lay(join(base, 'files'), {
  ...{ '0.jpg': CAT, '0.cls': '10', 'ü.jpg': AIRPLANE, 'ü.json': '{"label": 2}', '2.jpg': CAT, '3.jpg': AIRPLANE, '3.cls': '10' },
});
const MEMBERS = ['0.jpg', '0.cls', 'ü.jpg', 'ü.json', '2.jpg', '3.jpg', '3.cls'];

/** Two shards to learn from and one to be judged by, and the index of them in a folder of its own. */
async function kept(name: string) {
  const shards = join(base, name, 'shards');
  for (const shard of ['train-0', 'train-1', 'val-0']) pack(join(shards, `${shard}.tar`), files, MEMBERS);
  const data = await describeDataset(shards);
  const store = await openFolder(join(base, name, 'run'));
  expect(await keepIndex(store, data)).toBeNull();
  const index = join(store.root, TAR_INDEX);
  return { shards, data, store, index, again: (path = shards) => describeDataset(path, 'auto', { index }) };
}

/** Without what is said of this start alone. */
const facts = ({ notes = [], ...data }: DatasetDescription) => ({ ...data, notes: notes.filter((note) => !note.startsWith('tar index')) });
const said = ({ notes = [] }: DatasetDescription) => notes.filter((note) => note.startsWith('tar index'));

const pixels = ({ train }: DatasetDescription) =>
  withDataset(train, async (dataset) => Promise.all(Array.from({ length: dataset.length }, (_, i) => dataset.image(i))));

test('gives what reading all headers gives', async () => {
  const { data, store, index, again } = await kept('same');
  const read = await again();
  expect(said(read)).toEqual([`tar index: read from ${index}`]);
  expect(data).toMatchObject({ trainLength: 8, testLength: 4, classes: ['2', '10'] });
  expect(facts(read)).toEqual(facts(data));
  expect(await imageDigest(read)).toBe(await imageDigest(data));
  expect(await pixels(read)).toEqual(await pixels(data));
  // Also of folders, where it was kept of a part of the images, and where it is kept again.
  const folders = pack(join(base, 'folders.tar'), IMAGES);
  const whole = await describeDataset(folders);
  expect(await keepIndex(store, shareOfLabels(whole, 0.5))).toBeNull();
  const later = await describeDataset(folders, 'auto', { index });
  expect(said(later)).toEqual([`tar index: read from ${index}`]);
  expect(facts(later)).toEqual(facts(whole));
  const before = readFileSync(index);
  expect(await keepIndex(store, later)).toBeNull();
  expect(readFileSync(index).equals(before)).toBe(true);
  expect(await store.list('')).toEqual([TAR_INDEX]);
});

test('commands take that of a checkpoint, or that of another run, for archives alone', async () => {
  const { shards, store, index } = await kept('named');
  const state = exampleState(1);
  const checkpoint = { state: { ...state, sampler: { ...state.sampler, path: shards } }, runDirectory: store.root } as LoadedCheckpoint;
  expect(said(await openDataOf(checkpoint, { dataset: 'auto' }, new FakeTerminal()))).toEqual([`tar index: read from ${index}`]);
  const open = (path: string) => openWeighedData({ data: path, dataset: 'auto', tarIndex: store.root }, null, undefined, new FakeTerminal());
  expect(said(await open(shards))).toEqual([`tar index: read from ${index}`]);
  await expect(open(IMAGES)).rejects.toMatchObject({ code: 'usage', message: '--tar-index is for tar archives, and the data is none (imagefolder)' });
});

describe('is made anew, and says why', () => {
  test('where a shard is another one', async () => {
    const { shards, data, again } = await kept('changed');
    const shard = join(shards, 'train-1.tar');
    const bytes = readFileSync(shard);
    utimesSync(shard, 1e9, 1e9);
    const touched = await again();
    expect(said(touched)).toEqual([expect.stringMatching(/^tar index: made anew because .*tar-index\.bin is older than train-1\.tar, which has changed$/)]);
    expect(touched.trainLabels).toEqual(data.trainLabels);
    writeFileSync(shard, bytes.subarray(0, bytes.length - 512));
    expect(said(await again())[0]).toMatch(/made anew because .* is of another train-1\.tar, of \d+ bytes/);
    writeFileSync(shard, altered(pack(shard, files, MEMBERS), 0, 0, '9'));
    const renamed = await again();
    await withDataset(renamed.train, (dataset) => expect(dataset.name(4)).toBe('train-1.tar/9.jpg'));
    expect(said(await again(join(shards, 'train-*.tar')))[0]).toMatch(/is of other archives$/);
    expect(said(await describeDataset(shards, 'auto', { index: join(base, 'none') }))).toEqual([`tar index: made anew because there is no ${join(base, 'none')}`]);
  });

  test('where it is torn, foreign or lies', async () => {
    const { data, index, again } = await kept('torn');
    const whole = new Uint8Array(readFileSync(index));
    const headBytes = new DataView(whole.buffer).getUint32(12, true);
    const head = JSON.parse(new TextDecoder().decode(whole.subarray(16, 16 + headBytes)));
    const body = whole.subarray(16 + headBytes);
    /** With a checksum that is right. */
    const sealed = (json: unknown, rest: Uint8Array = body, length?: number) => {
      const text = new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
      const bytes = new Uint8Array([...whole.subarray(0, 16), ...text, ...rest]);
      const numbers = new DataView(bytes.buffer);
      numbers.setUint32(12, length ?? text.length, true);
      numbers.setUint32(8, crc32(bytes.subarray(12)), true);
      return bytes;
    };
    /** With another number at a place of the body: of 8 images shards, blocks, sizes, labels, ends of names. */
    const lying = (at: number, value: number) => {
      const rest = body.slice();
      new DataView(rest.buffer).setInt32(4 * at, value, true);
      return sealed(head, rest);
    };
    writeFileSync(index, sealed(head));
    expect(said(await again())[0]).toMatch(/read from/);
    const claims = (images: number, nameBytes = head.train.nameBytes) => sealed({ ...head, train: { ...head.train, images, nameBytes } });
    for (const [bytes, reason] of [
      [whole.subarray(0, whole.length - 3), /is damaged/],
      [whole.subarray(0, 10), /is damaged/],
      [new Uint8Array(0), /is no index/],
      [new Uint8Array(readFileSync(join(IMAGES, 'cat/0075.jpg'))), /is no index/],
      [whole.map((byte, i) => (i === whole.length - 9 ? byte ^ 1 : byte)), /is damaged/],
      [sealed({ ...head, version: '0.0.0-other' }), /is of moco-web 0\.0\.0-other/],
      [sealed('{"version":'), /is damaged/],
      [sealed({ ...head, classes: 7 }), /is damaged/],
      [sealed(head, body, 0xffffffff), /is damaged/],
      [claims(2 ** 30), /is damaged/],
      [claims(9), /is damaged/],
      [claims(-1), /is damaged/],
      [claims(1e300), /is damaged/],
      [claims(0, head.train.nameBytes + 8 * 20), /is damaged/],
      [lying(0, 3), /is damaged/],
      [lying(0, -1), /is damaged/],
      [lying(8, 2 ** 31 - 1), /is damaged/],
      [lying(16, -5), /is damaged/],
      [lying(24, 2), /is damaged/],
      [lying(32, 1000), /is damaged/],
      [lying(39, 0), /is damaged/],
      [new Uint8Array(2 ** 21), /has 2097152 bytes, at most/],
    ] as const) {
      writeFileSync(index, bytes);
      const found = await again();
      expect(said(found), String(reason)).toEqual([expect.stringMatching(reason)]);
      expect(facts(found)).toEqual(facts(data));
    }
  });
});
