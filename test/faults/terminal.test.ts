/** Faults of the terminal that a run is told to: it goes, it is full, nobody reads it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { PRETRAIN, readLog } from '../cli/end-to-end/tiny-run.ts';
import { COMMAND } from '../cli/run-command.ts';

const LONG = [...PRETRAIN, '--steps', '400'];
const SHORT = [...PRETRAIN, '--steps', '6'];

interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the run directory. */
  readonly checkpoints: readonly string[];
}

/** The command, in a shell where it is redirected. Calls `act` once its log tells of step 2. */
async function end(
  args: readonly string[],
  { through = 'exec "$@"', act }: { through?: string; act?: (child: ChildProcess) => void },
): Promise<End> {
  const out = `${await temporaryFolder()}/run`;
  const command = [process.execPath, COMMAND, ...args, '--out', out];
  const child = spawn('sh', ['-c', through, 'sh', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const told = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => {
    told.stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    told.stderr += data;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  if (act) {
    const log = `${out}/log.jsonl`;
    while (!(existsSync(log) && readFileSync(log, 'utf8').includes('"step":2,'))) {
      if (child.exitCode !== null) throw new Error(`it ended before step 2:\n${told.stdout}${told.stderr}`);
      await sleep(10);
    }
    act(child);
  }
  const code = await ended;
  expect(existsSync(`${out}/run.lock`)).toBe(false);
  const checkpoints = readdirSync(out).filter((name) => name.startsWith('step-'));
  const steps = readLog(`${out}/log.jsonl`).flatMap((line) => (line.type === 'step' ? [line.step] : []));
  // Whatever becomes of the terminal, the log is whole, up to the last step saved.
  expect(checkpoints.at(-1)).toBe(`step-${String(steps.at(-1)).padStart(6, '0')}`);
  return { code, ...told, checkpoints };
}

it.each([
  ['the terminal is closed (SIGHUP)', 'exec "$@"', 'SIGHUP', 129],
  ['the same under nohup', 'exec nohup "$@"', 'SIGHUP', 129],
  ['SIGTERM', 'exec "$@"', 'SIGTERM', 143],
] as const)(
  '%s → the step is finished and saved, exit code of the signal',
  async (_, through, signal, code) => {
    const found = await end(LONG, { through, act: (child) => child.kill(signal) });
    expect(found.code).toBe(code);
    expect(found.stdout).toMatch(/stopped; go on with: moco-web pretrain --resume/);
    expect(found.stderr).not.toMatch(/^ {4}at /m);
  },
);

it('nobody reads stdout any more (| head) → the step is finished and saved, exit code 1', async () => {
  const { code, stderr } = await end(LONG, { act: (child) => child.stdout?.destroy() });
  expect(code).toBe(1);
  expect(stderr).toBe('nobody reads the output any more: finishing this step and writing a checkpoint\n');
});

it.runIf(existsSync('/dev/full'))(
  'stdout is full → told once, the run goes on to its end, exit code 1',
  async () => {
    const { code, stderr, checkpoints } = await end(SHORT, { through: 'exec "$@" >/dev/full' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cannot write to stdout: ENOSPC.*; going on without it\n$/);
    expect(checkpoints).toEqual(['step-000005', 'step-000006']);
  },
);

it.runIf(existsSync('/dev/full'))('stdout and stderr are full → the run goes on to its end', async () => {
  const { code, checkpoints } = await end(SHORT, { through: 'exec "$@" >/dev/full 2>/dev/full' });
  expect(code).toBe(1);
  expect(checkpoints.at(-1)).toBe('step-000006');
});

it('stdin, stdout and stderr are closed → the run goes on to its end', async () => {
  const { code, checkpoints } = await end(SHORT, { through: 'exec "$@" <&- >&- 2>&-' });
  expect(code).toBe(0);
  expect(checkpoints.at(-1)).toBe('step-000006');
});

it.runIf(existsSync('/dev/full'))('a log is full → told once, the run and its other log go on', async () => {
  const { code, stdout, stderr } = await end([...SHORT, '--log', '/dev/full'], {});
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.match(/cannot write the log \/dev\/full: ENOSPC.*; the run goes on without/g)).toHaveLength(
    1,
  );
});
