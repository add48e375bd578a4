import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { COMMAND, mocoWeb } from '../run-command.ts';
import { CIFAR, lossesOf, readLog, succeed, TINY } from './tiny-run.ts';

it('moco-web ablate goes on after a kill, and reports what is there', { timeout: 300_000 }, async () => {
  const out = `${await temporaryFolder()}/ablation`;
  const args = [
    ...['ablate', '--table', 'temperature', '--rows', 'tau-0.07', 'tau-0.1', 'tau-0.2', '--data', CIFAR],
    ...['--backend', 'wasm', '--workers', '1'],
    ...[...TINY, '--epochs', '2', '--linear-epochs', '0', '--out', out],
  ];
  const [first, second] = ['tau-0.07-seed0', 'tau-0.1-seed0'].map((name) => `${out}/${name}`);
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.resume();
  const log = `${second}/log.jsonl`;
  // Its first epoch, of five steps, has been saved then.
  while (!(existsSync(log) && readFileSync(log, 'utf8').includes('"step":6,'))) {
    expect(child.exitCode).toBe(null);
    await sleep(10);
  }
  child.kill('SIGKILL');
  const before = readFileSync(`${out}/report.md`, 'utf8');
  expect(before).toMatch(/^\| τ = 0\.07 \| {2}\| \d+\.\d\d \(1 seed\) \| 62\.9 \| .* \| done \|$/m);
  expect(before).toMatch(/^\| τ = 0\.1 \| {2}\| {2}\| 64\.9 \| .* \| not run \|$/m);
  const { mtimeMs } = statSync(`${first}/result.json`);

  const stdout = await succeed([...args, '--seeds', '1']);
  expect(statSync(`${first}/result.json`).mtimeMs).toBe(mtimeMs);
  expect(stdout).toMatch(/2\/6: τ = 0\.1, seed 0\n(.*\n)* {2}resuming from /);
  expect(readLog(log).filter(({ type }) => type === 'run')).toHaveLength(2);
  expect([...lossesOf(log).keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const rows = readFileSync(`${out}/report.md`, 'utf8').match(/^\| τ = .* \| done \|$/gm);
  expect(rows).toHaveLength(3);
  expect(readFileSync(`${out}/report.csv`, 'utf8').trimEnd().split('\r\n')).toHaveLength(7);
  const page = readFileSync(`${out}/report.html`, 'utf8');
  expect(page).toContain('too few seeds');
  const { runs, charts } = JSON.parse(/id="data">(.*)<\/script>/.exec(page)![1]!);
  expect(runs).toHaveLength(6);
  expect(charts['chart-0'].lines).toHaveLength(3);
  expect((await readdir(out)).filter((name) => name.endsWith('-seed0'))).toHaveLength(3);

  // Nothing is left to do, and other options do not get mixed in.
  expect(await succeed([...args, '--seeds', '1'])).not.toContain('seed 0');
  const { code, stderr } = await mocoWeb([...args, '--epochs', '3']);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/result\.json is of other options/)]);
});

it('stops when its time is used up', { timeout: 120_000 }, async () => {
  const out = `${await temporaryFolder()}/costs`;
  const args = ['ablate', '--table', '3', '--data', CIFAR, '--backend', 'wasm', ...TINY, '--out', out];
  await succeed([...args, '--budget', '0.0001']);
  expect(readFileSync(`${out}/report.md`, 'utf8').match(/not run \|$/gm)).toHaveLength(5);
});

it('says with computed bytes what does not fit', { timeout: 120_000 }, async () => {
  const out = `${await temporaryFolder()}/large`;
  // Sixteen times this batch, in groups of 512 views each, is more than any machine of today keeps.
  const args = [
    ...['ablate', '--table', '3', '--rows', 'end-to-end-x16', '--backend', 'wasm', '--out', out],
    ...[
      '--arch',
      'resnet50',
      '--image-size',
      '64',
      '--stem',
      'cifar',
      '--batch-size',
      '256',
      '--groups',
      '8',
    ],
  ];
  const stdout = await succeed(args);
  expect(stdout).toMatch(
    /does not fit: activations of \d{2,}\.\d\d GB, \d{3,}\.\d\d GB with the encoders that keep them \(computed\), and/,
  );
  const result = JSON.parse(readFileSync(`${out}/end-to-end-x16-seed0/result.json`, 'utf8'));
  expect(result).toMatchObject({ status: 'does not fit', peakBytes: null });
  expect(result.activationBytes).toBeGreaterThan(1e10);
  expect(readFileSync(`${out}/report.md`, 'utf8')).toMatch(
    /93 GB, batch 4096 \|.*\| does not fit: activations of/,
  );
});

it('trains a linear classifier on what was learned', { timeout: 120_000 }, async () => {
  const out = `${await temporaryFolder()}/linear`;
  const args = [
    ...['ablate', '--table', '1', '--rows', 'supervised', 'mlp', '--seeds', '1', '--linear-epochs', '2'],
    ...['--data', CIFAR, '--backend', 'wasm', '--workers', '1', ...TINY, '--epochs', '1', '--out', out],
  ];
  expect(await succeed(args)).toMatch(/^ {2}top-1 \d+\.\d\d %, kNN \d+\.\d\d %/m);
  const result = (row: string) => JSON.parse(readFileSync(`${out}/${row}-seed0/result.json`, 'utf8'));
  // Of the supervised row it is its own.
  const test = readFileSync(`${out}/supervised-seed0/log.jsonl`, 'utf8').match(/"type":"test".*/g)!;
  expect(result('supervised')).toMatchObject({ status: 'done', linearEpochs: null });
  expect(result('supervised').top1).toBe(JSON.parse(`{${test.at(-1)}`).top1);
  const again = [
    ...['linear', '--checkpoint', `${out}/mlp-seed0`, '--backend', 'wasm'],
    ...['--epochs', '2', '--lr', 'stable', '--cache'],
  ];
  const { stdout } = await mocoWeb([...again, '--json']);
  expect(result('mlp')).toMatchObject({ status: 'done', linearEpochs: 2, top1: JSON.parse(stdout).top1 });
  expect(readFileSync(`${out}/report.md`, 'utf8')).toContain('2 epochs on cached features of center views');
});
