/** Data that goes away, or changes, under a run. */
import { cpSync, mkdirSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import { encodeImage } from '../../src/data/pictures/encode-png.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { CIFAR } from '../cli/end-to-end/tiny-run.ts';
import { mocoWeb } from '../cli/run-command.ts';
import { configure, noticesOf, numbersOf, run } from './run.ts';

/** Two classes of eight images each, two steps an epoch. */
async function imageFolder(): Promise<string> {
  const folder = `${await temporaryFolder()}/images`;
  for (let i = 0; i < 16; i++) {
    mkdirSync(`${folder}/${i % 2}`, { recursive: true });
    const rgba = Uint8ClampedArray.from({ length: 4 * 8 * 8 }, (_, at) => (at * (i + 3)) % 251);
    writeFileSync(`${folder}/${i % 2}/${i}.png`, await encodeImage(rgba, 8, 8));
  }
  return folder;
}

const OVERRIDES = { epochs: 4 } as const;

it('the folder of the images is gone in the middle → the last step is saved, and goes on once it is back', async () => {
  const folder = await imageFolder();
  const data = await describeDataset(folder);
  const config = configure(OVERRIDES, data.trainLength);
  const whole = await run({ config, data });
  const out = await temporaryFolder();
  const cut = await run({ config, data, out }, (event) => {
    if (event.type === 'step' && event.step === 3) renameSync(folder, `${folder}-away`);
  });
  expect(cut.error).not.toBeNull();
  const taken = numbersOf(cut).length;
  expect(taken).toBeGreaterThanOrEqual(3);
  expect(taken).toBeLessThan(numbersOf(whole).length);
  renameSync(`${folder}-away`, folder);
  const resume = await loadCheckpoint(out);
  expect(resume.state.step).toBe(taken);
  const rest = await run({ config, data, out, resume });
  expect([...numbersOf(cut), ...numbersOf(rest)]).toEqual(numbersOf(whole));
});

it('a file of records is cut short in the middle → the last step is saved', async () => {
  const folder = await temporaryFolder();
  cpSync(CIFAR, folder, { recursive: true });
  const data = await describeDataset(folder);
  const out = await temporaryFolder();
  const { error, events } = await run(
    { config: configure(OVERRIDES, data.trainLength), data, out },
    (event) => {
      if (event.type !== 'step' || event.step !== 2) return;
      for (const name of readdirSync(folder))
        if (/^data_batch/.test(name)) truncateSync(`${folder}/${name}`, 0);
    },
  );
  expect(error).toMatchObject({ code: 'data-invalid' });
  const steps = events.filter(({ type }) => type === 'step').length;
  expect((await loadCheckpoint(out)).state.step).toBe(steps);
});

it('other images of the same number → refused to resume, or told where that is allowed', async () => {
  const folder = await imageFolder();
  const data = await describeDataset(folder);
  const out = await temporaryFolder();
  const config = configure({ steps: 1 }, data.trainLength);
  await run({ config, data, out });
  const resume = await loadCheckpoint(out);
  expect(resume.state.sampler.digest).toMatch(/^[0-9a-f]{64}$/);
  const more = { ...resume.state.config, steps: 2 };
  const moved = await imageFolder();
  expect((await run({ config: more, data: await describeDataset(moved), resume })).error).toBeNull();

  renameSync(`${moved}/0/0.png`, `${moved}/0/00.png`);
  const changed = await describeDataset(moved);
  const refused = await run({ config: more, data: changed, resume });
  expect(refused).toMatchObject({
    events: [],
    error: {
      code: 'config-mismatch',
      message: expect.stringMatching(/are not those .*--allow-changed-data/),
    },
  });
  const allowed = await run({ config: more, data: changed, resume, allowChangedData: true });
  expect(allowed.error).toBeNull();
  expect(noticesOf(allowed)).toEqual([expect.stringMatching(/are not those .*; going on with these$/)]);

  const command = ['pretrain', '--resume', out, '--data', moved, '--steps', '2', '--backend', 'wasm'];
  expect(await mocoWeb(command)).toMatchObject({ code: 2, stderr: expect.stringContaining('are not those') });
});
