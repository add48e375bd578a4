import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeFiles } from '../../../src/data/given/describe-files.ts';
import { factsOf } from '../../../src/settings/resolve.ts';
import { resolveConfig } from '../../../src/train/configure.ts';
import { pretrain } from '../../../src/train/pretrain.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { lossesOf, succeed } from './tiny-run.ts';

const CAT = fileURLToPath(new URL('../../data/images/cat/0075.jpg', import.meta.url));
const TINY = ['--width', '2', '--image-size', '16', '--backend', 'wasm', '--workers', '1'];

async function photosIn(folder: string, count: number): Promise<string> {
  const photos = `${folder}/photos`;
  await mkdir(photos);
  for (let i = 0; i < count; i++) await cp(CAT, `${photos}/${i}.jpg`);
  return photos;
}

/** Two steps of the same run on the same photos, given as files. */
async function asInPage(photos: string, out: string): Promise<number> {
  const names = readdirSync(photos);
  const data = await describeFiles(names.map((name) => new File([readFileSync(`${photos}/${name}`)], name)));
  const config = resolveConfig('photos', { width: 2, imageSize: 16, epochs: 2, steps: 2 }, factsOf(data));
  const backend = { backend: 'wasm', adapter: null, reason: 'asked for' } as const;
  let steps = 0;
  for await (const { type } of pretrain({ config, data, backend, workers: 1, out }))
    if (type === 'step') steps++;
  return steps;
}

describe('moco-web pretrain --preset photos', () => {
  it('says what it made of a folder, trains, and is resumed with the same losses, one of a page, too', async () => {
    const folder = await temporaryFolder();
    const photos = await photosIn(folder, 40);
    const begin = ['pretrain', '--preset', 'photos', '--data', photos, ...TINY, '--minutes', '0.001'];
    const whole = await succeed([...begin, '--steps', '4', '--out', `${folder}/whole`]);
    expect(whole).toContain(
      'photos: 40 images, 16 px, batch 16 in 2 groups, K 16, 2 epochs, less than a minute on wasm\n',
    );
    await succeed([...begin, '--steps', '2', '--epochs', '2', '--out', `${folder}/run`]);
    const resumed = await succeed([
      'pretrain',
      '--resume',
      `${folder}/run`,
      '--preset',
      'photos',
      '--steps',
      '4',
      '--workers',
      '1',
    ]);
    expect(resumed).not.toContain('photos: ');
    const losses = lossesOf(`${folder}/run/log.jsonl`, `${folder}/whole/log.jsonl`);
    expect([...losses.keys()]).toEqual([1, 2, 3, 4]);
    const page = await asInPage(photos, `${folder}/page`);
    expect(page).toBe(2);
    const goneOn = [
      'pretrain',
      '--resume',
      `${folder}/page`,
      '--data',
      photos,
      '--steps',
      '4',
      '--workers',
      '1',
    ];
    await succeed(goneOn);
    const later = lossesOf(`${folder}/page/log.jsonl`, `${folder}/whole/log.jsonl`);
    expect([...later.keys()].sort()).toEqual([1, 2, 3, 4]);
    expect(lossesOf(`${folder}/page/log.jsonl`).size).toBe(2);
    const longer = await mocoWeb(['pretrain', '--resume', `${folder}/run`, '--minutes', '5']);
    expect([longer.code, longer.stderr]).toEqual([2, expect.stringMatching(/a resumed run .*--epochs/)]);
  });

  it('refuses too few photos, and minutes of another preset, in one line each', async () => {
    const folder = await temporaryFolder();
    const photos = await photosIn(folder, 31);
    const refusals = [
      [['--preset', 'photos'], '31 training images are too few for preset photos: it needs 32 or more'],
      [['--preset', 'moco-cifar', '--minutes', '3'], '--minutes 3: it is for --preset photos'],
      [['--preset', 'photos', '--minutes', '0'], '0 minutes are out of range: give a finite number above 0'],
    ] as const;
    for (const [options, line] of refusals) {
      const { code, stderr } = await mocoWeb([
        'pretrain',
        '--data',
        photos,
        ...options,
        '--out',
        `${folder}/no`,
      ]);
      expect([code, stderr.trim().split('\n')]).toEqual([2, [expect.stringContaining(line)]]);
    }
  });

  it('trains on images that are drawn', async () => {
    const folder = await temporaryFolder();
    const told = await succeed([
      'pretrain',
      '--preset',
      'photos',
      ...TINY,
      '--steps',
      '1',
      '--out',
      `${folder}/run`,
    ]);
    expect(told).toMatch(/photos: 4,096 images, 16 px, batch 128 in 8 groups, K 2048, 1 epoch, /);
  });
});
