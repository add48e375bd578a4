/** Faults of what a run reads, of where it writes, and of who ends it. */
import { readFileSync } from 'node:fs';
import fs, { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { lossesOf, PRETRAIN, signalAtStep, succeed, TINY } from '../cli/end-to-end/tiny-run.ts';
import { configure, noticesOf, numbersOf, run } from './run.ts';

const IMAGES = fileURLToPath(new URL('../data/', import.meta.url));

/** A file of a few kilobytes whose header declares 30000×30000 pixels: 2.7 GB once decoded. */
function bomb(format: 'png' | 'jpeg'): Uint8Array {
  const bytes = new Uint8Array(
    readFileSync(`${IMAGES}formats/${format === 'png' ? 'rgb16.png' : 'prog.jpg'}`),
  );
  const view = new DataView(bytes.buffer);
  if (format === 'png') {
    view.setUint32(16, 30_000);
    view.setUint32(20, 30_000);
  } else {
    const frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc2);
    view.setUint16(frame + 5, 30_000);
    view.setUint16(frame + 7, 30_000);
  }
  return bytes;
}

/** Good images, more than a batch. */
async function putImages(folder: string): Promise<void> {
  for (const name of await readdir(`${IMAGES}images/cat`)) {
    for (const copy of [1, 2]) await copyFile(`${IMAGES}images/cat/${name}`, `${folder}/${copy}-${name}`);
  }
}

it('decompression bombs among the images → skipped by their headers, the run goes on', async () => {
  const folder = await temporaryFolder();
  await mkdir(`${folder}/a`);
  await putImages(`${folder}/a`);
  await writeFile(`${folder}/a/bomb.png`, bomb('png'));
  await writeFile(`${folder}/a/bomb.jpg`, bomb('jpeg'));
  const data = await describeDataset(folder);
  const config = configure({ steps: 1 }, data.trainLength);
  const { events, error } = await run({ config, data });
  expect(error).toBeNull();
  const skipped = events.flatMap((event) => (event.type === 'skipped' ? [event] : []));
  expect(skipped.map(({ path }) => path.replace(/^.*\//, '')).sort()).toEqual(['bomb.jpg', 'bomb.png']);
  for (const { reason } of skipped)
    expect(reason).toMatch(/30000×30000 pixels are more than the 100 megapixels/);
  expect(numbersOf({ events, error }).length).toBe(1);
});

it('damaged files among the images → skipped and named, the run goes on', async () => {
  const folder = await temporaryFolder();
  await mkdir(`${folder}/a`);
  await putImages(`${folder}/a`);
  await writeFile(`${folder}/a/cut.jpg`, (await readFile(`${IMAGES}formats/prog.jpg`)).subarray(0, 60));
  await writeFile(`${folder}/a/empty.png`, '');
  await writeFile(`${folder}/a/words.png`, 'no image at all');
  const data = await describeDataset(folder);
  const { events, error } = await run({ config: configure({ steps: 1 }, data.trainLength), data });
  expect(error).toBeNull();
  const skipped = events.flatMap((event) => (event.type === 'skipped' ? [event] : []));
  const found = skipped.map(({ path }) => path.replace(/^.*\//, '')).sort();
  expect(found).toEqual(['cut.jpg', 'empty.png', 'words.png']);
  expect(numbersOf({ events, error }).length).toBe(1);
});

it('no test image can be decoded → kNN fails with a notice, the run goes on with the same digits', async () => {
  const folder = await temporaryFolder();
  for (const name of ['a', 'b']) {
    await mkdir(`${folder}/train/${name}`, { recursive: true });
    await putImages(`${folder}/train/${name}`);
  }
  await mkdir(`${folder}/test/a`, { recursive: true });
  for (let i = 0; i < 300; i++) await writeFile(`${folder}/test/a/${i}.png`, 'no image at all');
  const data = await describeDataset(folder);
  const config = configure({ steps: 2 }, data.trainLength);
  const whole = await run({ config, data });
  const out = await temporaryFolder();
  const { events, error } = await run({ config, data, out, knnEvery: 9 });
  expect(error).toBeNull();
  expect(numbersOf({ events, error })).toEqual(numbersOf(whole));
  const failed = (epochs: number) =>
    expect.stringMatching(
      new RegExp(
        `^no kNN after ${epochs} epochs: none of the 300 images can be decoded .*; training goes on$`,
      ),
    );
  expect(noticesOf({ events, error })).toEqual([failed(0), failed(2)]);
  expect((await loadCheckpoint(out)).state.step).toBe(2);
});

it('loss not finite → stopped, the step named, the state before it saved', async () => {
  const out = await temporaryFolder();
  const config = configure({ learningRate: 1e30 });
  const { events, error } = await run({ config, out });
  const taken = events.filter(({ type }) => type === 'step').length;
  expect(taken).toBeGreaterThan(0);
  expect(error).toMatchObject({
    code: 'loss-not-finite',
    message: expect.stringContaining(`step ${taken + 1}: `),
  });
  const stop = new AbortController();
  const other = await temporaryFolder();
  await run({ config, out: other, signal: stop.signal }, (event) => {
    if (event.type === 'step' && event.step === taken) stop.abort();
  });
  const [saved, stopped] = [await loadCheckpoint(out), await loadCheckpoint(other)];
  expect(saved.state).toEqual(stopped.state);
  expect(saved.tensors).toEqual(stopped.tensors);
});

it('newest checkpoint torn or altered → passed over and named, the one before gives the same digits', async () => {
  const out = await temporaryFolder();
  const whole = await run({ out, checkpointEvery: 1 });
  const last = `${out}/step-000004/model.safetensors`;
  const bytes = await readFile(last);
  for (const damaged of [bytes.subarray(0, bytes.length / 2), flipped(bytes)]) {
    await writeFile(last, damaged);
    const resume = await loadCheckpoint(out);
    expect(resume.state.step).toBe(3);
    expect(resume.skipped).toEqual([
      { directory: expect.stringMatching(/step-000004$/), reason: expect.any(String) },
    ]);
    expect(numbersOf(await run({ resume }))).toEqual(numbersOf(whole).slice(3));
  }
});

/** With one bit of the last value changed. */
function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

it('disk full while a checkpoint is saved → write-failed, earlier checkpoints stay', async () => {
  const out = await temporaryFolder();
  const { open } = fs;
  const restore = () => {
    fs.open = open;
    syncBuiltinESMExports();
  };
  onTestFinished(restore);
  const outcome = await run({ out, checkpointEvery: 1 }, ({ type }) => {
    if (type !== 'checkpoint') return;
    fs.open = async (path, flags, ...rest) => {
      if (flags === 'r') return open(path, flags, ...rest);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    syncBuiltinESMExports();
  });
  expect(outcome.error).toMatchObject({
    code: 'write-failed',
    message: expect.stringMatching(/step-000002 .*ENOSPC.*earlier checkpoints are untouched/),
  });
  restore();
  expect(await readdir(out)).toEqual(['step-000001']);
  const rest = await run({ resume: await loadCheckpoint(out) });
  const whole = await run();
  expect([...numbersOf(outcome).slice(0, 1), ...numbersOf(rest)]).toEqual(numbersOf(whole));
});

it('SIGTERM to the command → the step is finished and saved, and it goes on from there', async () => {
  const folder = await temporaryFolder();
  const [out, log] = [`${folder}/run`, `${folder}/log`];
  const steps = ['--steps', '12'];
  const { code, signal, stdout } = await signalAtStep(
    [...PRETRAIN, ...steps, '--out', out],
    log,
    3,
    'SIGTERM',
  );
  expect({ code, signal }).toEqual({ code: 143, signal: null });
  expect(stdout).toMatch(/stopped; go on with: moco-web pretrain --resume/);
  const { step } = (await loadCheckpoint(out)).state;
  expect(step).toBeGreaterThanOrEqual(3);
  expect(step).toBe(Math.max(...lossesOf(log).keys()));
  await succeed(['pretrain', '--resume', out, '--backend', 'wasm', ...TINY, '--log', log]);
  const other = `${folder}/undisturbed`;
  await succeed([...PRETRAIN, ...steps, '--log', other]);
  expect(lossesOf(log)).toEqual(lossesOf(other));
});
