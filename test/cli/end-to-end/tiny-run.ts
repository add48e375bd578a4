/** Real training, as small as it gets: 80 CIFAR records, five steps an epoch of a few tenths of a second each. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KnnEvent, ProbeEvent, RunEvent, StepEvent } from '../../../src/train/events.ts';
import { COMMAND, mocoWeb } from '../run-command.ts';

export const CIFAR = fileURLToPath(new URL('../../data/cifar10', import.meta.url));
export const CIFAR_TRAIN = 80;
export const CIFAR_TEST = 20;
export const BATCH = 16;
export const STEPS_PER_EPOCH = CIFAR_TRAIN / BATCH;

export const NETWORK = ['--arch', 'resnet18', '--width', '4', '--image-size', '16', '--dim', '16'];
export const TINY = [...NETWORK, '--batch-size', String(BATCH), '--groups', '2', '--queue', '64'];
export const PRETRAIN = ['pretrain', '--data', CIFAR, '--backend', 'wasm', ...TINY];

export type LogLine = RunEvent | StepEvent | KnnEvent | ProbeEvent;

export function readLog(path: string): LogLine[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LogLine);
}

/** Losses by step; a step that a resumed run took again has to have the loss it had. */
export function lossesOf(...paths: string[]): Map<number, number> {
  const losses = new Map<number, number>();
  for (const line of paths.flatMap(readLog)) {
    if (line.type !== 'step') continue;
    const before = losses.get(line.step);
    if (before !== undefined && before !== line.loss) {
      throw new Error(`step ${line.step} had loss ${before}, and ${line.loss} when it was taken again`);
    }
    losses.set(line.step, line.loss);
  }
  return losses;
}

/** Runs the command to its end; fails where it fails. */
export async function succeed(args: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await mocoWeb(args, cwd);
  if (code !== 0 || stderr !== '')
    throw new Error(`exit code ${code} of ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

export interface Signalled {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
}

/** Starts the command, sends it a signal once its log tells of a step, and waits for its end. */
export async function signalAtStep(
  args: readonly string[],
  log: string,
  step: number,
  signal: NodeJS.Signals,
): Promise<Signalled> {
  const child: ChildProcess = spawn(process.execPath, [COMMAND, ...args, '--log', log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data;
  });
  const ended = new Promise<Signalled>((resolve) => {
    child.on('close', (code, by) => resolve({ code, signal: by, stdout }));
  });
  while (!(existsSync(log) && readFileSync(log, 'utf8').includes(`"step":${step},`))) {
    if (child.exitCode !== null) throw new Error(`it ended before step ${step}:\n${stdout}`);
    await sleep(10);
  }
  child.kill(signal);
  return ended;
}
