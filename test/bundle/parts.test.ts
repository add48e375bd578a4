/**
 * How the offline bundle measures on a GPU of unknown memory and speed. Here is none: the command is one that answers as
 * `moco-web bench` does, with the speeds that are set here. test/slow/offline-bundle.test.ts runs the real one.
 */
import { describe, expect, it } from 'vitest';
import { type Ending, PARTS, runPart } from '../../scripts/bundle/parts.mjs';
import { runProgram } from '../../scripts/bundle/processes.mjs';

const ended = (ending: Partial<Ending>): Ending => ({
  ...{ code: 0, signal: null, timedOut: false, seconds: 10, stdout: '', stderr: '' },
  ...ending,
});

/** A GPU with room for groups of so many images. @param imagesPerSecond with augmentation as well as without */
async function bench({ imagesPerSecond = 100, largestGroup = 1024, mostBatch = 1024 }) {
  const command = async (args: string[]): Promise<Ending> => {
    const option = (name: string): number => Number(args[args.indexOf(name) + 1]);
    const batch = option('--batch-size');
    if (batch / option('--groups') > largestGroup)
      return ended({ code: 1, stderr: 'it is\nmoco-web: full\n' });
    if (batch > mostBatch) return ended({ code: null, signal: 'SIGKILL', timedOut: true, seconds: 400 });
    const speeds = { imagesPerSecond, imagesPerSecondWithAugmentation: imagesPerSecond };
    return ended({ stdout: JSON.stringify({ ...speeds, batch }) });
  };
  const answer = await runPart(PARTS['bench-r50']!, {
    ...{ command, small: false, doctor: null, limitMs: 500_000 },
  });
  const tries = answer.tries!.map(({ batch, groups, repeat }) => [batch, groups, repeat]);
  return { ...answer, tries };
}

describe('a benchmark of the offline bundle', () => {
  it('tries one group, then measures the whole batch', async () => {
    const { ok, why, result, tries } = await bench({});
    expect(tries).toEqual([
      [32, 1, 1],
      [256, 8, 5],
    ]);
    expect({ ok, why, result }).toMatchObject({ ok: true, why: null, result: { batch: 256 } });
  });

  it('takes smaller groups where the memory is full', async () => {
    const { ok, tries } = await bench({ largestGroup: 16 });
    expect(tries).toEqual([
      [32, 1, 1],
      [16, 1, 1],
      [256, 16, 5],
    ]);
    expect(ok).toBe(true);
  });

  it('says what the command said where no group fits', async () => {
    const { ok, why, tries } = await bench({ largestGroup: 4 });
    expect(tries.map(([batch]) => batch)).toEqual([32, 16, 8]);
    expect({ ok, why }).toEqual({ ok: false, why: 'ended with 1: moco-web: full' });
  });

  it('takes fewer steps of a slow GPU', async () => {
    const { ok, tries } = await bench({ imagesPerSecond: 4 });
    expect(tries.at(-1)).toEqual([256, 8, 1]);
    expect(ok).toBe(true);
  });

  it.each([
    ['would take too long', { imagesPerSecond: 0.5 }, /one group only: a batch of 256 would take \d+ s/],
    ['takes too long', { mostBatch: 32 }, /one group only: a batch of 256 stopped after 400 s/],
  ])('fails with the figures of one group where the batch %s', async (_, gpu, words) => {
    const { ok, why, result } = await bench(gpu);
    expect(ok).toBe(false);
    expect(why).toMatch(words);
    expect(result).toMatchObject({ batch: 32 });
  });
});

it('says that a peer was not there, with the figures of moco-web', async () => {
  const missing = [{ name: 'jax-js-webgpu', why: "Cannot find package '@jax-js/jax'" }];
  const command = async () => ended({ stdout: JSON.stringify({ missing, cases: [1] }) });
  const answer = await runPart(PARTS.peers!, { command, small: true, doctor: null, limitMs: 1000 });
  expect(answer).toMatchObject({
    ...{ ok: false, why: "jax-js-webgpu was NOT RUN: Cannot find package '@jax-js/jax'" },
    result: { cases: [1] },
  });
});

describe('a program under a limit', () => {
  it('is killed with what it has started', async () => {
    // It ends when the last process that may write to its output has: the one in the background, after a minute.
    const ending = await runProgram('/bin/sh', ['-c', 'sleep 60 & wait'], { limitMs: 500 });
    expect(ending).toMatchObject({ code: null, timedOut: true });
    expect(ending.seconds).toBeLessThan(30);
  });

  it('that is not there is an answer', async () => {
    const ending = await runProgram('/nowhere/program', [], { limitMs: 500 });
    expect(ending).toMatchObject({ code: null, timedOut: false, stderr: expect.stringMatching(/ENOENT/) });
  });
});
