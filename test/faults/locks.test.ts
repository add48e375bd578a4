/** Two runs and one directory: one of them is refused before it has changed anything. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { lockDirectory } from '../../src/runtime/directory-lock.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { PRETRAIN } from '../cli/end-to-end/tiny-run.ts';
import { COMMAND, mocoWeb } from '../cli/run-command.ts';
import { configure, noticesOf, numbersOf, run } from './run.ts';

const lockOf = (folder: string) => `${folder}/run.lock`;

/** A process that is gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

it('a directory in which a run is going → refused to command and library, that run is undisturbed', async () => {
  const out = `${await temporaryFolder()}/run`;
  const args = [...PRETRAIN, '--steps', '400', '--out', out];
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const log = `${out}/log.jsonl`;
  while (!(existsSync(log) && readFileSync(log, 'utf8').includes('"step":6,'))) await sleep(10);
  const before = readFileSync(log, 'utf8');
  const inUse = new RegExp(`run is in use: process ${child.pid} works in it since 20`);
  const resumed = await mocoWeb(['pretrain', '--resume', out, '--backend', 'wasm']);
  expect(resumed).toMatchObject({ code: 2, stderr: expect.stringMatching(inUse) });
  const begun = await mocoWeb(args);
  expect(begun).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/holds checkpoints of an earlier run/),
  });
  await expect(lockDirectory(out)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(inUse),
  });
  expect(readFileSync(log, 'utf8').startsWith(before)).toBe(true);
  expect(JSON.parse(readFileSync(lockOf(out), 'utf8'))).toMatchObject({ pid: child.pid, host: hostname() });
});

it('two runs of the library begun at once in one directory → one goes, the other is refused', async () => {
  const out = `${await temporaryFolder()}/run`;
  const both = await Promise.all([run({ out }), run({ out })]);
  const refused = both.filter(({ error }) => error !== null);
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatchObject({ error: { code: 'usage' }, events: [] });
  expect(existsSync(lockOf(out))).toBe(false);
});

it('another run lies in the directory → refused to the library before work, nothing is changed', async () => {
  const [a, b] = [await temporaryFolder(), await temporaryFolder()];
  await run({ out: a, config: configure({ steps: 1 }) });
  await run({ out: b, config: configure({ steps: 1, seed: 6 }) });
  const resume = await loadCheckpoint(a);
  const attempts = [
    [{ out: b }, /holds checkpoints of an earlier run/],
    [{ out: b, resume, config: { ...resume.state.config, steps: 2 } }, /holds another run than that of/],
  ] as const;
  for (const [options, message] of attempts) {
    const { events, error } = await run(options);
    expect(events).toEqual([]);
    expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  }
  expect(readdirSync(b)).toEqual(['step-000001']);
});

it('the lock of a process that was killed → taken over and told, the run goes on with the same digits', async () => {
  const out = await temporaryFolder();
  const whole = await run();
  await run({ out, config: configure({ steps: 2 }) });
  const pid = deadPid();
  const lock = { pid, host: hostname(), start: '2026-01-01T00:00:00.000Z', process: null };
  writeFileSync(lockOf(out), JSON.stringify(lock));
  const resume = await loadCheckpoint(out);
  const rest = await run({ out, resume, config: configure() });
  expect(rest.error).toBeNull();
  expect(noticesOf(rest)).toEqual([expect.stringContaining(`was locked by process ${pid} on`)]);
  expect(numbersOf(rest)).toEqual(numbersOf(whole).slice(2));
  expect(existsSync(lockOf(out))).toBe(false);
});

it.each([
  [
    'of this number, but a later process',
    { pid: process.pid, process: '1' },
    0,
    process.platform === 'linux',
  ],
  ['of another machine, untouched for an hour', { pid: 1, host: 'elsewhere' }, 3600, true],
  ['of another machine, just touched', { pid: 1, host: 'elsewhere' }, 0, false],
  ['that says nothing, just made', null, 0, false],
] as const)('a lock %s → taken over only where its owner is surely gone', async (_, says, age, taken) => {
  const folder = await temporaryFolder();
  const holder = says && { host: hostname(), start: '2026-01-01T00:00:00.000Z', process: null, ...says };
  writeFileSync(lockOf(folder), holder ? JSON.stringify(holder) : '');
  const then = Date.now() / 1000 - age;
  utimesSync(lockOf(folder), then, then);
  const lock = lockDirectory(folder);
  if (taken) {
    await (await lock).release();
    expect(readdirSync(folder)).toEqual([]);
  } else {
    await expect(lock).rejects.toMatchObject({ code: 'usage' });
    expect(readdirSync(folder)).toEqual(['run.lock']);
  }
});
