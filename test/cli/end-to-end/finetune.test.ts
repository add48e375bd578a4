import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mocoWeb } from '../run-command.ts';

/** 50 training images, 20 test images of the real format. */
const CIFAR = fileURLToPath(new URL('../../data/cifar10', import.meta.url));
const SIZE = '--backend wasm --workers 1 --batch-size 8 --groups 2'.split(' ');

describe('moco-web finetune', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moco-web-finetune-'));
    const args = '--preset moco-cifar --arch resnet18 --width 2 --image-size 16 --dim 8 --queue 16 --steps 2';
    const { code, stderr } = await mocoWeb([
      ...['pretrain', '--data', CIFAR, ...args.split(' '), ...SIZE, '--out', `${folder}/run`],
    ]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('fine-tunes on a share of the labels, and gives one JSON object on stdout', async () => {
    const { code, stdout, stderr } = await mocoWeb([
      ...['finetune', '--checkpoint', `${folder}/run`, '--data', CIFAR, '--labels', '0.5', '--epochs', '2'],
      ...[...SIZE, '--out', `${folder}/tuned`, '--json'],
    ]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining(['top1', 'top5', 'epochs', 'labels', 'data', 'skipped']),
    );
    expect(result.epochs).toBe(2);
    expect(result.top1).toBeLessThanOrEqual(result.top5);
    expect(stderr).toMatch(
      /fine-tuning on \d+ images of 10 classes, judged by \d+: 2 epochs of batch 8 in 2 groups/,
    );
    const names = await readdir(`${folder}/tuned`);
    expect(names).toContain('log.jsonl');
    const lines = (await readFile(`${folder}/tuned/log.jsonl`, 'utf8')).trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1)!);
    expect(last).toEqual({ type: 'test', epoch: 2, top1: result.top1, top5: result.top5 });
    // What was fine-tuned is a run like others.
    const knn = await mocoWeb([
      'knn',
      '--checkpoint',
      `${folder}/tuned`,
      '--data',
      CIFAR,
      '--backend',
      'wasm',
      '--json',
    ]);
    expect(knn.code).toBe(0);
    expect(JSON.parse(knn.stdout).features).toBe('backbone');
  });

  it('begins with random weights where it is told to', async () => {
    const { code, stdout } = await mocoWeb([
      ...['finetune', '--checkpoint', 'none', '--data', CIFAR, '--arch', 'resnet18', '--width', '2'],
      ...['--image-size', '16', '--steps', '2', ...SIZE],
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^top-1 \d+\.\d\d %, top-5 \d+\.\d\d % of the test split$/m);
  });

  it.each([
    [['--labels', '2'], /share of the labels 2 is out of range/],
    [['--width', '3'], /width 3 is not that of the checkpoint \(2\)/],
    [['--checkpoint', 'nowhere'], /nowhere/],
  ])('refuses %j in one line, with code 2', async (args, message) => {
    const { code, stderr } = await mocoWeb([
      ...['finetune', '--checkpoint', `${folder}/run`, '--data', CIFAR, ...SIZE, ...args],
    ]);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
  });
});
