/** Checkpoints that earlier builds wrote: they are read, and the run goes on with the numbers that those builds gave. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FORMAT_VERSION } from '../../src/checkpoint/migrations.ts';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import { mergeResumedConfig } from '../../src/train/configure.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import { temporaryFolder } from './example.ts';

const V1 = fileURLToPath(new URL('recorded/v1', import.meta.url));
const V2 = fileURLToPath(new URL('recorded/v2', import.meta.url));
const CIFAR = fileURLToPath(new URL('../data/cifar10', import.meta.url));

/** Resumes a checkpoint up to a step. */
async function goOn(checkpoint: string, until: number) {
  const out = await temporaryFolder();
  const resume = await loadCheckpoint(checkpoint);
  const data = await describeDataset(CIFAR, 'auto');
  const config = mergeResumedConfig(resume.state.config, { steps: until }, data.trainLength);
  const backend = { backend: 'wasm', adapter: null, reason: 'asked for' } as const;
  const steps: StepEvent[] = [];
  for await (const event of pretrain({ config, data, resume, backend, out, workers: 2 })) {
    if (event.type === 'step') steps.push(event);
  }
  return { steps, out, config };
}

describe('a checkpoint of format 1', () => {
  it('has the method and the optimizer that there were', async () => {
    const saved = JSON.parse(await readFile(`${V1}/state.json`, 'utf8'));
    expect(saved.format_version).toBe(1);
    expect(saved.config).not.toHaveProperty('method');
    const { state } = await loadCheckpoint(V1);
    expect(state.config).toMatchObject({ ...saved.config, method: 'moco', optimizer: 'sgd' });
  });

  it('goes on with the losses that the build of its time gave', async () => {
    const losses = [3.9184601306915283, 5.651497840881348, 3.466484308242798];
    const { steps, out, config } = await goOn(V1, 6);
    expect(steps.map(({ loss }) => loss)).toEqual(losses);
    // What it writes is of today's format.
    const state = JSON.parse(await readFile(`${out}/step-000006/state.json`, 'utf8'));
    expect(state).toMatchObject({
      format_version: FORMAT_VERSION,
      config: { method: 'moco', optimizer: 'sgd' },
    });
    expect(FORMAT_VERSION).toBeGreaterThanOrEqual(2);
    expect((await loadCheckpoint(out)).state.config).toEqual(config);
  });

  it('is refused where it was altered before it is migrated', async () => {
    const folder = await temporaryFolder();
    await cp(V1, folder, { recursive: true });
    const text = await readFile(`${folder}/state.json`, 'utf8');
    await writeFile(`${folder}/state.json`, text.replace('"momentum": 0.99', '"momentum": 0.98'));
    await expect(loadCheckpoint(folder)).rejects.toThrow('state.json has been altered');
  });
});

describe('a checkpoint of format 2', () => {
  it('has no warm-up, and nothing of the optimizers that came later', async () => {
    const saved = JSON.parse(await readFile(`${V2}/state.json`, 'utf8'));
    expect(saved.format_version).toBe(2);
    expect(saved.config).not.toHaveProperty('warmup');
    const { state } = await loadCheckpoint(V2);
    expect(state.config).toMatchObject({ ...saved.config, warmup: 0 });
    for (const name of ['trust', 'rateInMomentum', 'beta1', 'beta2', 'epsilon']) {
      expect(state.config).not.toHaveProperty(name);
    }
  });

  it('goes on with the losses and learning rates that the build of its time gave', async () => {
    const { steps, out } = await goOn(V2, 12);
    expect(steps.map(({ step, loss, lr }) => [step, loss, lr])).toEqual([
      [10, 5.369379043579102, 0.0009375],
      [11, 4.146718978881836, 0.000800206303681194],
      [12, 3.6923885345458984, 0.000800206303681194],
    ]);
    const state = JSON.parse(await readFile(`${out}/step-000012/state.json`, 'utf8'));
    expect(state).toMatchObject({ format_version: FORMAT_VERSION, config: { warmup: 0 } });
    expect(FORMAT_VERSION).toBeGreaterThanOrEqual(3);
  });
});
