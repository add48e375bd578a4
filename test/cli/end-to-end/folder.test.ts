import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import encodePng, { init as initPng } from '@jsquash/png/encode.js';
import { describe, expect, it } from 'vitest';
import { describeDataset } from '../../../src/data/dataset.ts';
import { compileCodec } from '../../../src/runtime/codecs.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { pack } from '../../data/archives.ts';
import { mocoWeb } from '../run-command.ts';
import { CIFAR, NETWORK, readLog, succeed } from './tiny-run.ts';

const IMAGES = fileURLToPath(new URL('../../data/images', import.meta.url));
const FORMATS = fileURLToPath(new URL('../../data/formats', import.meta.url));
const SMALL = ['--batch-size', '4', '--groups', '2', '--queue', '16', '--backend', 'wasm'];

describe('moco-web pretrain on folders', () => {
  it('skips, names and counts images that cannot be decoded', async () => {
    const folder = await temporaryFolder();
    const photos = `${folder}/photos`;
    await cp(IMAGES, photos, { recursive: true });
    const good = await readFile(`${IMAGES}/cat/0075.jpg`);
    await writeFile(`${photos}/cat/truncated.jpg`, good.subarray(0, good.length / 2));
    await writeFile(`${photos}/airplane/corrupt.png`, 'this is no image');
    const stdout = await succeed([
      ...['pretrain', '--data', photos, ...NETWORK, ...SMALL, '--epochs', '2', '--knn-every', '2'],
      ...['--out', `${folder}/run`, '--log', `${folder}/log`],
    ]);
    // Each is told of once, however often it is met.
    const skipped = stdout.split('\n').filter((line) => line.startsWith('skipped '));
    expect(skipped.sort()).toEqual([
      expect.stringMatching(/^skipped .*airplane\/corrupt\.png: ./),
      expect.stringMatching(/^skipped .*cat\/truncated\.jpg: ./),
    ]);
    expect(stdout).toContain('data: 8 training images in 2 classes (imagefolder');
    expect(stdout).toContain('warning: skipped 2 of 8 images (25.0 %)');
    // 8 files: two steps an epoch, corrupt ones replaced.
    expect(readLog(`${folder}/log`).filter(({ type }) => type === 'step')).toHaveLength(4);
    // kNN is over the 6 that can be decoded, each once; so is the picture.
    const knn = readLog(`${folder}/log`).filter((line) => line.type === 'knn');
    expect(knn.map(({ k }) => k)).toEqual([5, 5, 5, 5]);
    expect(await readFile(`${folder}/run/neighbors.png`)).not.toHaveLength(0);
    const measured = await succeed(['knn', '--checkpoint', `${folder}/run`, '--json']);
    expect(JSON.parse(measured)).toMatchObject({
      ...{ bank: 6, queries: 6, leaveOneOut: true },
      data: { kind: 'imagefolder', images: 8, classes: ['airplane', 'cat'] },
      skipped: { count: 2, share: 0.25, images: [{ reason: expect.any(String) }, {}] },
    });
    const tooMany = await mocoWeb(['knn', '--checkpoint', `${folder}/run`, '--max-skipped', '0.2']);
    expect([tooMany.code, tooMany.stdout]).toEqual([
      1,
      expect.stringMatching(
        /as the checkpoint says\).*leave-one-out, as the data has no test split.*2 of 8/s,
      ),
    ]);
    expect(tooMany.stderr).toMatch(/more than the share of 0\.2/);
    const embedded = await succeed([
      ...['embed', '--checkpoint', `${folder}/run`, '--data', photos, '--out', `${folder}/e.jsonl`],
    ]);
    expect(embedded).toMatch(/^6 rows in/m);
    const lines = (await readFile(`${folder}/e.jsonl`, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).label)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('draws the neighbors of CIFAR records without a test split, and succeeds', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/cifar`);
    await cp(`${CIFAR}/data_batch_1.bin`, `${folder}/cifar/data_batch_1.bin`);
    const stdout = await succeed([
      ...['pretrain', '--data', `${folder}/cifar`, ...NETWORK, ...SMALL, '--steps', '1', '--knn-every', '1'],
      ...['--out', `${folder}/run`],
    ]);
    expect(stdout).toMatch(/done: 1 steps/);
    expect(await readFile(`${folder}/run/neighbors.png`)).not.toHaveLength(0);
  });

  it('refuses a folder in which nothing can be decoded, before any work', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/photos`);
    for (let i = 0; i < 4; i++) await writeFile(`${folder}/photos/${i}.jpg`, 'no image');
    const out = ['--out', `${folder}/run`, '--log', `${folder}/log`];
    const args = ['pretrain', '--data', `${folder}/photos`, ...NETWORK, ...SMALL, ...out];
    const { code, stdout, stderr } = await mocoWeb(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: none of the 4 images can be decoded \(.*0\.jpg.*\)\n$/);
    await expect(readFile(`${folder}/log`)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(mkdir(`${folder}/run`)).resolves.toBeUndefined();
  });

  it('trains with --preset moco-v2 on images of 40×30 pixels, in every format, without classes, in an archive', async () => {
    const folder = await temporaryFolder();
    const photos = `${folder}/photos`;
    await mkdir(photos);
    for (const name of ['alpha.webp', 'exif6.jpg', 'lossy.webp', 'pal.png']) {
      await cp(`${FORMATS}/${name}`, `${photos}/${name}`);
    }
    await initPng(await compileCodec('squoosh_png_bg.wasm'));
    const data = Uint8ClampedArray.from({ length: 40 * 30 * 4 }, (_, i) => (i * i) % 251);
    const image = { data, width: 40, height: 30, colorSpace: 'srgb' as const };
    const png = new Uint8Array(await encodePng(image));
    for (let i = 0; i < 4; i++) await writeFile(`${photos}/wide-${i}.png`, png);
    const archive = pack(`${folder}/photos.tar`, photos);
    const network = ['--preset', 'moco-v2', '--arch', 'resnet18', '--width', '4'];
    const stdout = await succeed([
      ...['pretrain', '--data', archive, ...network, ...SMALL, '--steps', '1', '--knn-every', '1'],
      ...['--out', `${folder}/run`, '--log', `${folder}/log`],
    ]);
    expect(stdout).toMatch(/no kNN: the images are in one folder, without classes/);
    const [run, step] = readLog(`${folder}/log`);
    expect(run).toMatchObject({
      config: {
        preset: 'moco-v2',
        imageSize: 224,
        stem: 'imagenet',
        temperature: 0.2,
        mlp: true,
        augmentation: 'v2',
      },
    });
    expect(step).toMatchObject({ type: 'step', step: 1, loss: expect.any(Number) });
    // Its index was kept, for what goes on with the run.
    expect(stdout).not.toContain('tar index');
    const { notes } = await describeDataset(archive, 'auto', { index: `${folder}/run/tar-index.bin` });
    expect(notes?.at(-1)).toBe(`tar index: read from ${folder}/run/tar-index.bin`);
  });
});
