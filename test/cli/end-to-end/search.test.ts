/** moco-web search and duplicates, on the six photos and copies of them. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Index } from '../../../src/page/search-index.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { FILES, PHOTOS, photosRun } from '../../search/photos-run.ts';
import { mocoWeb } from '../run-command.ts';
import { succeed } from './tiny-run.ts';

const WASM = ['--backend', 'wasm', '--workers', '1'];
const [CAT, PLANE] = ['/cat/', '/airplane/'].map((name) => FILES.find((file) => file.includes(name))!);

let run: string;
beforeAll(async () => {
  run = await photosRun();
});
afterAll(() => rm(run, { recursive: true, force: true }));

/** The photos, with a copy of the first cat among the airplanes, and a file that is no image. */
async function photosWithCopy(): Promise<string> {
  const photos = `${await temporaryFolder()}/photos`;
  await cp(PHOTOS, photos, { recursive: true });
  await cp(CAT!, `${photos}/airplane/copy.jpg`);
  await writeFile(`${photos}/airplane/broken.jpg`, 'no image');
  return photos;
}

describe('moco-web search', () => {
  it('finds an image by itself, by checkpoint and by the exported encoder, and saves the index', async () => {
    const folder = await temporaryFolder();
    const onnx = `${folder}/encoder.onnx`;
    const index = `${folder}/index.safetensors`;
    await succeed(['export', '--checkpoint', run, '--features', 'head', '--out', onnx]);
    const query = ['--query', CAT!, PLANE!, '--k', '2', ...WASM];
    const head = ['--features', 'head'];
    const byCheckpoint = await mocoWeb([
      'search',
      '--checkpoint',
      run,
      ...head,
      '--index',
      index,
      '--data',
      PHOTOS,
      ...query,
      '--json',
    ]);
    expect(byCheckpoint).toMatchObject({ code: 0, stderr: `6 rows in ${index}\n` });
    const found = JSON.parse(byCheckpoint.stdout);
    expect(found.images).toBe(6);
    expect(found.queries.map((one: { query: string }) => one.query)).toEqual([CAT, PLANE]);
    for (const { query: path, matches } of found.queries) {
      expect(matches).toHaveLength(2);
      expect(matches[0].name).toBe(path);
      expect(matches[0].similarity).toBeCloseTo(1, 6);
    }
    // The index knows its encoder, and what was taken of it.
    const again = JSON.parse(await succeed(['search', '--index', index, ...query, '--json']));
    expect(again).toEqual({ images: found.images, queries: found.queries });
    const byFile = JSON.parse(
      await succeed(['search', '--encoder', onnx, '--data', PHOTOS, ...query, '--json']),
    );
    const rows = (queries: { matches: { index: number }[] }[]) =>
      queries.map(({ matches }) => matches.map(({ index: row }) => row));
    expect(rows(byFile.queries)).toEqual(rows(found.queries));
    const lines = (await succeed(['search', '--index', index, ...query])).trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    expect(lines.slice(0, 2)).toEqual([CAT, `  1.0000  ${CAT}`]);
  });

  it.each<[string, (folder: string) => Promise<string[]>, RegExp]>([
    ['no encoder', async () => ['--data', PHOTOS], /say which encoder: --checkpoint DIR/],
    ['two encoders', async () => ['--checkpoint', run, '--encoder', 'e.onnx'], /cannot be used with/],
    [
      'no index',
      async () => ['--index', 'nowhere.safetensors'],
      /no index at nowhere\.safetensors: say --data/,
    ],
    ['no images', async () => ['--encoder', 'e.onnx'], /say where the images are: --data PATH/],
    ['what is no index', async () => ['--index', CAT!], /not an index/],
    [
      'a query that is no image',
      async () => ['--checkpoint', run, '--data', PHOTOS, '--query', fileURLToPath(import.meta.url)],
      /^error: image 0 \(.*search\.test\.ts\): not a JPEG/,
    ],
    [
      'an index of another encoder',
      async (folder) => {
        const rows = await Index.from([Float32Array.of(1, 2)]);
        await rows.save(`${folder}/other.safetensors`);
        await rows.dispose();
        return ['--checkpoint', run, '--index', `${folder}/other.safetensors`];
      },
      /the query has 32 values, rows have 2/,
    ],
    [
      'an index that names an address',
      async (folder) => {
        const index = `${folder}/index.safetensors`;
        const made = ['--checkpoint', run, '--data', PHOTOS, '--index', `${index}.1`];
        await mocoWeb(['search', ...made, '--query', CAT!, ...WASM]);
        const text = (await readFile(`${index}.1`)).toString('latin1');
        // Of the same length, so that the header stays whole.
        const address = 'https://example.org/e.onnx'.padEnd(run.length, 'x').slice(0, run.length);
        await writeFile(index, Buffer.from(text.replace(run, address), 'latin1'));
        return ['--index', index];
      },
      /the index names the encoder https:.*say --encoder or --checkpoint/,
    ],
  ])('%s: one line, exit code 2', async (_, options, message) => {
    const args = await options(await temporaryFolder());
    const { code, stderr } = await mocoWeb(['search', ...args, '--query', CAT!, ...WASM]);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});

describe('moco-web duplicates', () => {
  it('finds the copy, by checkpoint and by ONNX file, and tells what it left out', async () => {
    const photos = await photosWithCopy();
    const onnx = `${await temporaryFolder()}/encoder.onnx`;
    await succeed(['export', '--checkpoint', run, '--out', onnx]);
    for (const encoder of [
      ['--checkpoint', run],
      ['--encoder', onnx],
    ]) {
      const args = ['duplicates', ...encoder, '--data', photos, '--threshold', '0.999999', ...WASM];
      const { code, stdout, stderr } = await mocoWeb([...args, '--json']);
      expect([code, stderr]).toEqual([0, '']);
      const { images, threshold, pairs, data, skipped } = JSON.parse(stdout);
      expect([data.images, skipped.count, skipped.images.length]).toEqual([8, 1, 1]);
      expect([images, threshold, pairs.length]).toEqual([7, 0.999999, 1]);
      expect(pairs[0].names.map((name: string) => basename(name)).sort()).toEqual(
        [basename(CAT!), 'copy.jpg'].sort(),
      );
      const text = (await mocoWeb(args)).stdout.trimEnd().split('\n');
      expect(text).toEqual([
        expect.stringMatching(/^1\.0000 {2}.*copy\.jpg {2}.*\.jpg$/),
        '1 pairs of 7 images with a similarity of 0.999999 or more',
      ]);
    }
  });

  it.each([
    ['a threshold of 2', ['--threshold', '2'], /threshold is 2: give a cosine similarity/],
    ['a threshold that is no number', ['--threshold', 'x'], /Give a number/],
  ])('%s: one line, exit code 2', async (_, options, message) => {
    const { code, stderr } = await mocoWeb([
      'duplicates',
      '--checkpoint',
      run,
      '--data',
      PHOTOS,
      ...options,
      ...WASM,
    ]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
