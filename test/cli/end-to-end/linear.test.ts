import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { readEvents } from '../../formats/tfevents.ts';
import { COMMAND, mocoWeb } from '../run-command.ts';
import { CIFAR, CIFAR_TEST, CIFAR_TRAIN, PRETRAIN, readLog, succeed } from './tiny-run.ts';

/** Two epochs of a run with a probe and event files, the second taken by a run that goes on with the first. */
let made: Promise<{ run: string; log: string }> | undefined;
function trained(): Promise<{ run: string; log: string }> {
  made ??= temporaryFolder().then(async (folder) => {
    const [run, log] = [`${folder}/run`, `${folder}/log`];
    const told = ['--tensorboard', '--probe-every', '1', '--knn-every', '2', '--log', log];
    await succeed([...PRETRAIN, '--epochs', '2', '--steps', '5', ...told, '--out', run]);
    await succeed(['pretrain', '--resume', run, '--steps', '7', ...told]);
    return { run, log };
  });
  return made;
}

// One test: its folder is gone when it ends.
describe('moco-web linear, and the probe', () => {
  it('tell how well classes can be told apart, and leave the encoder as it is', async () => {
    const { run, log } = await trained();
    const probes = readLog(log).filter((line) => line.type === 'probe');
    for (const probe of probes) {
      expect(Object.keys(probe)).toEqual(['type', 'epoch', 'top1', 'top5', 'uniformity', 'rankMe']);
    }
    // Of the untrained encoder, after one epoch, and where the run ended within the second.
    expect(probes.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    await checkEventFiles(run, log);

    const checkpoint = `${run}/step-000007/model.safetensors`;
    const before = await readFile(checkpoint);
    const args = ['linear', '--checkpoint', run, '--backend', 'wasm', '--lr', '0.1', '--json'];
    const cached = await mocoWeb([...args, '--cache', '--epochs', '20', '--batch-size', '16']);
    expect(cached.code).toBe(0);
    const outcome = JSON.parse(cached.stdout);
    expect(outcome).toMatchObject({
      ...{ epochs: 20, backboneUnchanged: true, cache: true, batchSize: 16, learningRate: 0.1, seed: 0 },
      ...{ images: CIFAR_TRAIN, testImages: CIFAR_TEST, classes: 10, dim: 32, step: 7 },
    });
    for (const percent of [outcome.top1, outcome.top5]) {
      expect((percent * CIFAR_TEST) / 100).toBeCloseTo(Math.round((percent * CIFAR_TEST) / 100), 9);
    }
    expect(outcome.top5).toBeGreaterThanOrEqual(outcome.top1);
    const told = cached.stderr.trimEnd().split('\n');
    expect(told[0]).toBe(`80 training and 20 test images of 10 classes (cifar10, ${CIFAR})`);
    expect(told[1]).toMatch(/^32 features of center views, computed once \(--cache\); 20 epochs, batch 16/);
    expect(told.slice(2, 22).map((line) => line.split(':')[0])).toEqual(
      Array.from({ length: 20 }, (_, i) => `epoch ${i + 1}/20`),
    );
    expect(told[21]).toContain(`test top-1 ${outcome.top1.toFixed(2)} %`);

    const plain = await mocoWeb([...args.slice(0, -1), '--epochs', '2', '--lr', '1000']);
    expect(plain.stdout).toMatch(
      /^linear top-1 \d+.\d\d %, top-5 \d+.\d\d % after 2 epochs \(checkpoint of step 7\)$/m,
    );
    expect(plain.stdout).toMatch(/^backbone unchanged, bit for bit/m);
    expect(plain.stderr).toMatch(
      /^32 features of augmented views, computed anew in each epoch; 2 epochs, batch 256/m,
    );
    expect(plain.stderr).toMatch(
      /is above chance, ln\(10\) = 2.30: learning rate 1000 is too high .* try --lr /,
    );
    expect(await readFile(checkpoint)).toEqual(before);

    // Data without a test split, and an epoch count that is none.
    const flat = await mocoWeb([...args, '--data', `${CIFAR}/../images`]);
    expect([flat.code, flat.stdout]).toEqual([2, '']);
    expect(flat.stderr).toMatch(
      /^error: linear classification needs a test split with classes, which .*images does not have\n$/,
    );
    await interrupted(args);
  }, 240_000);
});

/** Ctrl-C in the middle of a run of many epochs. */
async function interrupted(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [COMMAND, ...args, '--epochs', '100000'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    if (String(data).includes('epoch 1/')) child.kill('SIGINT');
  });
  const ended = await new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout })),
  );
  expect(ended).toEqual({ code: 130, signal: null, stdout: '' });
}

/** Two files, of both parts of the run; what they tell is what the log tells. */
async function checkEventFiles(run: string, log: string): Promise<void> {
  const names = (await readdir(run)).filter((name) => name.startsWith('events.out.tfevents.')).sort();
  expect(names).toHaveLength(2);
  const parts = await Promise.all(names.map(async (name) => readEvents(await readFile(`${run}/${name}`))));
  const inOrder = parts.sort(([a], [b]) => a!.wallTime - b!.wallTime);
  for (const [first] of inOrder) expect(first).toMatchObject({ step: 0, fileVersion: 'brain.Event:2' });
  expect(inOrder[0]!.some(({ sessionStatus }) => sessionStatus !== undefined)).toBe(false);
  expect(inOrder[1]![1]).toMatchObject({ step: 6, sessionStatus: 1 });

  const events = inOrder.flat().filter(({ scalars }) => scalars);
  const series = (tag: string) =>
    events.flatMap(({ step, scalars }) => (scalars && tag in scalars ? [[step, scalars[tag]]] : []));
  const steps = readLog(log).filter((line) => line.type === 'step');
  for (const name of ['loss', 'acc1', 'acc5', 'lr', 'imagesPerSecond', 'embeddingStd'] as const) {
    expect(series(`train/${name}`)).toEqual(steps.map((line) => [line.step, Math.fround(line[name])]));
  }
  expect(series('probe/top1').map(([step]) => step)).toEqual([0, 5, 7]);
  expect(series('features/rankMe').map(([step]) => step)).toEqual([0, 5, 7]);
  expect(series('knn/backbone').map(([step]) => step)).toEqual([0, 5, 7]);
}
