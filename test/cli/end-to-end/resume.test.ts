import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { lossesOf, PRETRAIN, readLog, STEPS_PER_EPOCH, signalAtStep, succeed, TINY } from './tiny-run.ts';

const EPOCHS = 4;
const STEPS = EPOCHS * STEPS_PER_EPOCH;
const LONG = [...PRETRAIN, '--epochs', String(EPOCHS)];

/** A run that nothing disturbs, for all tests of this file. */
let reference: Promise<Map<number, number>> | undefined;
function undisturbed(): Promise<Map<number, number>> {
  reference ??= temporaryFolder().then(async (folder) => {
    // One worker: the number of workers must not change a bit.
    await succeed([...LONG, '--workers', '1', '--out', `${folder}/run`, '--log', `${folder}/log`]);
    return lossesOf(`${folder}/log`);
  });
  return reference;
}

async function checkpointsOf(run: string): Promise<string[]> {
  return (await readdir(run)).filter((name) => name.startsWith('step-')).sort();
}

describe('moco-web pretrain --resume', () => {
  it('goes on with the same losses after Ctrl-C', async () => {
    const expected = await undisturbed();
    expect([...expected.keys()]).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    const folder = await temporaryFolder();
    const [run, log] = [`${folder}/run`, `${folder}/log`];
    const { code, signal, stdout } = await signalAtStep([...LONG, '--out', run], log, 3, 'SIGINT');
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    // The step under way was finished, logged and saved, and no other begun.
    const last = readLog(log).at(-1);
    const step = last?.type === 'step' ? last.step : 0;
    expect(step).toBeGreaterThanOrEqual(3);
    expect(step).toBeLessThan(STEPS);
    expect((await checkpointsOf(run)).at(-1)).toBe(`step-${String(step).padStart(6, '0')}`);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      `stopped; go on with: moco-web pretrain --resume ${run}`,
    );

    // Restated options are accepted; the log goes on in the same file.
    const resumed = await succeed(['pretrain', '--resume', run, ...TINY, '--log', log]);
    expect(resumed).toMatch(/resuming from .*step-/);
    expect(readLog(log).filter(({ type }) => type === 'run')).toHaveLength(2);
    expect(lossesOf(log)).toEqual(expected);
    expect(await checkpointsOf(run)).toContain(`step-${String(STEPS).padStart(6, '0')}`);
    expect(await succeed(['pretrain', '--resume', run])).toMatch(/nothing left to do/);
  });

  it('goes on with the same losses after it was killed', async () => {
    const folder = await temporaryFolder();
    const [run, log] = [`${folder}/run`, `${folder}/log`];
    const args = [...LONG, '--checkpoint-every', '2', '--out', run];
    const { signal } = await signalAtStep(args, log, 6, 'SIGKILL');
    expect(signal).toBe('SIGKILL');
    await succeed(['pretrain', '--resume', run, '--checkpoint-every', '7', '--log', log]);
    expect(lossesOf(log)).toEqual(await undisturbed());
    expect(await checkpointsOf(run)).toEqual(['step-000015', 'step-000020']);
  });

  it('extends a run, and refuses what would change it', async () => {
    const folder = await temporaryFolder();
    const run = `${folder}/run`;
    await succeed([...PRETRAIN, '--steps', '3', '--out', run]);
    const before = await checkpointsOf(run);
    for (const [option, message] of [
      [['--lr', '0.5'], /learningRate 0.5 is not that of the saved run/],
      [['--seed', '1'], /seed 1 is not that of the saved run \(0\)/],
      [['--preset', 'moco-v1'], /preset moco-v1 is not that of the saved run \(moco-v2\)/],
      [['--steps', '2'], /steps 2 is not that of the saved run \(3\)/],
      [['--no-mlp'], /mlp false is not that of the saved run \(true\)/],
    ] as const) {
      const { code, stderr, stdout } = await mocoWeb(['pretrain', '--resume', run, ...option]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(message);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(await checkpointsOf(run)).toEqual(before);
    // To another folder: the one resumed from is left as it is.
    const out = `${folder}/longer`;
    await succeed(['pretrain', '--resume', run, '--steps', '4', '--out', out]);
    expect([await checkpointsOf(run), await checkpointsOf(out)]).toEqual([['step-000003'], ['step-000004']]);
  });
});
