/**
 * A run that is killed 50 times, at any moment: while it starts, in a step, while a checkpoint is written. It is never
 * unreadable, and ends with the losses of a run that nothing disturbed, to the last bit.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { Random, STREAMS } from '../../src/random.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { lossesOf, PRETRAIN, readLog, succeed } from '../cli/end-to-end/tiny-run.ts';
import { COMMAND } from '../cli/run-command.ts';

const KILLS = 50;
/** More than the killed processes get to. */
const STEPS = 20_000;
const SEED = 20260704;

/** Starts the command and kills it after so many milliseconds; false where it came to its end before. */
async function killAfter(args: readonly string[], milliseconds: number): Promise<boolean> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  await sleep(milliseconds);
  child.kill('SIGKILL');
  const { code, signal } = await ended;
  if (signal !== 'SIGKILL') expect(code).toBe(0);
  return signal === 'SIGKILL';
}

describe('a run that is killed again and again', () => {
  it(`loses nothing in ${KILLS} kills`, async () => {
    const folder = await temporaryFolder();
    const [run, log] = [`${folder}/run`, `${folder}/log`];
    const shape = [...PRETRAIN, '--steps', String(STEPS)];
    const begin = [...shape, '--checkpoint-every', '1', '--out', run, '--log', log];
    const resume = ['pretrain', '--resume', run, '--checkpoint-every', '1', '--log', log];
    const random = new Random({ seed: SEED, stream: STREAMS.sampleOrder });
    const begun = performance.now();
    await untilStep(begin, log, 2);
    /** Milliseconds from a start to the second step, on this machine as busy as it is. */
    const start = performance.now() - begun;
    const figures = { kills: 0, early: 0, torn: 0, steps: 0, lost: 0 };
    let saved = (await loadCheckpoint(run)).state.step;
    while (figures.kills < KILLS) {
      // Every fifth is killed before it has taken a step.
      const early = figures.kills % 5 === 4;
      const delay = start * (early ? random.between(0, 0.5) : random.between(0.6, 2));
      expect(await killAfter(resume, delay), 'the run ended too soon').toBe(true);
      figures.kills++;
      if (early) figures.early++;
      // Torn directories may be there, but one that is whole always is, and never an older one than before.
      const { state, skipped } = await loadCheckpoint(run);
      figures.torn += skipped.length;
      expect(state.step).toBeGreaterThanOrEqual(saved);
      const told = readWhole(log);
      figures.lost += Math.max(0, told - state.step);
      saved = state.step;
    }
    figures.steps = saved;
    expect(saved).toBeGreaterThan(10);
    // The rest of the way, as far as is needed to compare.
    const last = saved + 3;
    const finish = ['pretrain', '--resume', run, '--log', log, '--steps', String(STEPS)];
    const whole = `${folder}/whole`;
    await Promise.all([
      untilStep(finish, log, last),
      untilStep([...shape, '--out', `${folder}/other`, '--log', whole, '--workers', '1'], whole, last),
    ]);
    const [expected, actual] = [lossesOf(whole), lossesOf(log)];
    for (let step = 1; step <= last; step++) {
      expect(expected.get(step), `step ${step}`).toBeDefined();
      expect(actual.get(step), `step ${step}`).toBe(expected.get(step));
    }
    // Each step stands in the log once, in order, whatever was taken again.
    const steps = readLog(log).flatMap((line) => (line.type === 'step' ? [line.step] : []));
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
    console.log(
      `${figures.kills} kills (${figures.early} before the first word), ${figures.torn} torn checkpoints passed over, ` +
        `${figures.steps} steps survived, ${figures.lost} were taken again; losses of ${last} steps equal to the last bit`,
    );
    await succeed(['knn', '--checkpoint', run, '--backend', 'wasm', '--json']);
  });
});

/** The last step that a log tells of in a whole line. */
function readWhole(log: string): number {
  if (!existsSync(log)) return 0;
  try {
    const last = readLog(log).findLast((line) => line.type === 'step');
    return last?.type === 'step' ? last.step : 0;
  } catch {
    return 0; // the last line is torn
  }
}

/** Runs the command until its log tells of a step, and ends it there; it saves what it has. */
async function untilStep(args: readonly string[], log: string, step: number): Promise<void> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  while (readWhole(log) < step) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended before step ${step}`);
    await sleep(50);
  }
  child.kill('SIGTERM');
  await ended;
}
