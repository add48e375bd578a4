import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDrawn } from '../../src/data/dataset.ts';
import type { ConfigOverrides } from '../../src/settings/settings.ts';
import { type PretrainConfig, resolveConfig } from '../../src/train/configure.ts';
import type { PretrainEvent, StepEvent } from '../../src/train/events.ts';
import { PauseSwitch } from '../../src/train/pause.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { PretrainOptions } from '../../src/train/pretrain-options.ts';
import { WORKERS_ON } from '../backend.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { expectSameBits } from '../compare.ts';

/** 20 images in batches of 8: two steps an epoch, four images left over. */
const data = await describeDrawn(20, 5, 8, 3);
const BACKEND = { backend: WORKERS_ON, adapter: null, reason: 'asked for' } as const;

function configure(overrides: ConfigOverrides = {}): PretrainConfig {
  const small = {
    width: 1,
    dim: 4,
    imageSize: 8,
    batchSize: 8,
    groups: 2,
    queueSize: 12,
    epochs: 2,
    seed: 5,
  };
  return resolveConfig('moco-cifar', { ...small, mlp: true, ...overrides }, { images: data.trainLength });
}

async function collect(
  options: Partial<PretrainOptions> = {},
  seen: (event: PretrainEvent) => void = () => {},
): Promise<PretrainEvent[]> {
  const events: PretrainEvent[] = [];
  const all = { config: configure(), data, backend: BACKEND, workers: 1, ...options };
  for await (const event of pretrain(all)) {
    events.push(event);
    seen(event);
  }
  return events;
}

const stepsOf = (events: readonly PretrainEvent[]) =>
  events.filter((event): event is StepEvent => event.type === 'step');
const numbers = (events: readonly PretrainEvent[]) =>
  stepsOf(events).map(({ imagesPerSecond: _, secondsLeft: __, ...rest }) => rest);

/** Without notices, of which notices.test.ts tells. */
const typesOf = (events: readonly PretrainEvent[]) =>
  events.flatMap(({ type }) => (type === 'notice' ? [] : [type]));

/** A whole run and its folder. */
let whole = '';
let events: PretrainEvent[] = [];
beforeAll(async () => {
  whole = await mkdtemp(join(tmpdir(), 'moco-web-pretrain-'));
  events = await collect({ out: whole, knnEvery: 1, checkpointEvery: 2, workers: 2 });
});
afterAll(() => rm(whole, { recursive: true, force: true }));

describe('pretrain', () => {
  it('gives the same numbers however the work is spread', async () => {
    const spread = await collect({ workers: 1, dataWorkers: 3, prefetch: 0 });
    expect(numbers(spread)).toEqual(numbers(events));
  });

  it.each([
    [{ workers: 0 }, 'workers is 0: give a whole number from 1 to 256'],
    [{ dataWorkers: 1.5 }, 'dataWorkers is 1.5: give a whole number from 1 to 256'],
    [{ prefetch: -1 }, 'prefetch is -1: give a whole number from 0 to 4096'],
  ])('refuses %o', async (counts, message) => {
    await expect(collect(counts)).rejects.toMatchObject({ code: 'usage', message });
  });

  it('tells what it does in order, and leaves the checkpoints', async () => {
    const names = events.map((event) => {
      if (event.type === 'step' || event.type === 'checkpoint') return `${event.type} ${event.step}`;
      if (event.type === 'knn') return `knn ${event.epoch} ${event.features}`;
      return event.type === 'neighbors' ? `neighbors ${event.epoch}` : event.type;
    });
    const knn = (epoch: number) => [`knn ${epoch} backbone`, `knn ${epoch} head`];
    expect(names).toEqual([
      'run',
      'notice', // the chance level of the loss
      'measuring',
      ...knn(0),
      'neighbors 0',
      'step 1',
      'notice', // the queue's random keys: 12, of which the second step replaces the last
      'step 2',
      'epoch',
      'checkpoint 2',
      'measuring',
      ...knn(1),
      'step 3',
      'step 4',
      'epoch',
      'checkpoint 4',
      'measuring',
      ...knn(2),
      'neighbors 2',
      'end',
    ]);
    expect(events[0]).toMatchObject({
      type: 'run',
      stepsPerEpoch: 2,
      memory: { level: 'least', keptPerImage: expect.any(Number), peak: expect.any(Number) },
      groupsAtOnce: 1,
      totalSteps: 4,
      backend: WORKERS_ON,
      adapter: null,
    });
    const steps = stepsOf(events);
    expect(steps.map(({ epoch }) => epoch)).toEqual([0, 0, 1, 1]);
    // The cosine of two epochs: lr, then lr·½.
    const { learningRate } = configure();
    expect(steps.map(({ lr }) => lr / learningRate)).toEqual([
      1,
      1,
      expect.closeTo(0.5, 15),
      expect.closeTo(0.5, 15),
    ]);
    for (const { loss, acc1, acc5, embeddingStd, imagesPerSecond } of steps) {
      // Of 1 + 12 logits within ±1/τ = ±10 the loss is at most ln 13 + 20, and acc5 ≥ acc1.
      expect(loss).toBeGreaterThan(0);
      expect(loss).toBeLessThan(Math.log(13) + 20);
      expect(Number.isInteger(acc1 / 12.5), `acc1 ${acc1}`).toBe(true);
      expect(acc5).toBeGreaterThanOrEqual(acc1);
      expect(embeddingStd).toBeGreaterThan(0);
      expect(embeddingStd).toBeLessThanOrEqual(0.5 + 1e-6); // unit rows of four: 1/√4
      expect(imagesPerSecond).toBeGreaterThan(0);
    }
    const newest = await loadCheckpoint(whole);
    expect(newest.state).toMatchObject({
      step: 4,
      epoch: 2,
      sampler: { dataset: 'drawn', images: 20, stepInEpoch: 0 },
    });
    expect(newest.tensors.get('queue_ptr')?.data).toEqual(BigInt64Array.of(BigInt((4 * 8) % 12)));
    expect((await loadCheckpoint(`${whole}/step-000002`)).state.step).toBe(2);
  });

  it('ends after the step under way when it is told to, and goes on from there as if nothing had been', async () => {
    const parts = await temporaryFolder();
    const controller = new AbortController();
    const first = await collect({ out: parts, signal: controller.signal }, (event) => {
      if (event.type === 'step' && event.step === 3) controller.abort();
    });
    expect(typesOf(first)).toEqual([
      'run',
      'step',
      'step',
      'epoch',
      'checkpoint',
      'step',
      'checkpoint',
      'end',
    ]);
    expect(first.at(-2)).toMatchObject({ type: 'checkpoint', step: 3 });

    const resume = await loadCheckpoint(parts);
    expect(resume.state).toMatchObject({ step: 3, epoch: 1, sampler: { stepInEpoch: 1 } });
    const rest = await collect({ out: parts, resume, config: resume.state.config });
    expect(typesOf(rest)).toEqual(['run', 'step', 'epoch', 'checkpoint', 'end']);
    expect([...numbers(first), ...numbers(rest)]).toEqual(numbers(events));

    const [expected, actual] = [await loadCheckpoint(whole), await loadCheckpoint(parts)];
    expect(actual.state).toEqual(expected.state);
    expect([...actual.tensors.keys()]).toEqual([...expected.tensors.keys()]);
    for (const [name, { data: values }] of expected.tensors) {
      const found = actual.tensors.get(name)!.data;
      if (values instanceof Float32Array) expectSameBits(name, found as Float32Array, values);
      else expect(found, name).toEqual(values);
    }
  });

  it('tells of each epoch how large gradient and weights are and how embeddings lie', () => {
    const epochs = events.filter((event) => event.type === 'epoch');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const { gradientNorm, weightNorm, alignment, uniformity, rankMe } of epochs) {
      expect(gradientNorm).toBeGreaterThan(0);
      expect(weightNorm).toBeGreaterThan(1);
      // Squared distances of unit vectors.
      expect(alignment).toBeGreaterThan(0);
      expect(alignment).toBeLessThan(4);
      expect(uniformity).toBeLessThan(0);
      expect(uniformity).toBeGreaterThanOrEqual(-8);
      expect(rankMe).toBeGreaterThanOrEqual(1);
      expect(rankMe).toBeLessThanOrEqual(4.01);
    }
    // K / batch, once so many steps are taken.
    expect(epochs.map(({ queueAge }) => queueAge)).toEqual([1.5, 1.5]);
  });

  it('fits a linear probe between epochs, which changes no bit of the run', async () => {
    const out = await temporaryFolder();
    const probed = await collect({ out, probeEvery: 1, workers: 2 });
    expect(numbers(probed)).toEqual(numbers(events));
    const probes = probed.filter((event) => event.type === 'probe');
    expect(probes.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    for (const { top1, top5, uniformity, rankMe } of probes) {
      // Five test images.
      expect([top1 / 20, top5 / 20].every(Number.isInteger), `${top1}, ${top5}`).toBe(true);
      expect(top5).toBeGreaterThanOrEqual(top1);
      expect(uniformity).toBeLessThanOrEqual(0);
      expect(rankMe).toBeGreaterThanOrEqual(1);
      expect(rankMe).toBeLessThanOrEqual(5 + 1e-3);
    }
    // Of kNN beside it nothing changes either, and both checkpoints are the same.
    const [expected, actual] = [await loadCheckpoint(whole), await loadCheckpoint(out)];
    expect([...actual.tensors]).toEqual([...expected.tensors]);
    expect(actual.state).toEqual(expected.state);
    const both = await collect({ knnEvery: 2, probeEvery: 2 });
    expect(both.filter(({ type }) => type === 'probe')).toEqual([probes[0], probes[2]]);
    const knn = ({ type }: PretrainEvent) => type === 'knn' || type === 'neighbors';
    const atEnds = (event: PretrainEvent) => knn(event) && 'epoch' in event && event.epoch !== 1;
    expect(both.filter(knn)).toEqual(events.filter(atEnds));
  });

  it('says that there is no probe where it has nothing to be judged by', async () => {
    const config = configure({ steps: 1 });
    const seen = await collect({ probeEvery: 1, config, data: { ...data, test: null, testLabels: null } });
    expect(seen).toContainEqual({ type: 'notice', message: 'no probe: it needs classes and a test split' });
    expect(seen.some(({ type }) => type === 'probe')).toBe(false);
  });

  it('takes no step while it is paused, and goes on with the same numbers', async () => {
    const pause = new PauseSwitch();
    const run = pretrain({ config: configure(), data, backend: BACKEND, workers: 1, pause });
    const seen: PretrainEvent[] = [];
    for (const _ of ['run', 'notice', 'step 1', 'notice', 'step 2', 'epoch'])
      seen.push((await run.next()).value);
    pause.pause();
    expect(pause.paused).toBe(true);
    let told = false;
    const next = run.next().then(({ value }) => {
      told = true;
      return value as PretrainEvent;
    });
    // Ten times what a step takes here.
    const stepMs = (1000 * 8) / stepsOf(seen).at(-1)!.imagesPerSecond;
    await setTimeout(10 * stepMs);
    expect(told).toBe(false);
    const resumed = performance.now();
    pause.resume();
    seen.push(await next);
    const took = performance.now() - resumed;
    for await (const event of run) seen.push(event);
    expect(numbers(seen)).toEqual(numbers(events));
    // The pause counts neither for the speed nor for the estimate.
    const third = stepsOf(seen)[2]!;
    expect((1000 * 8) / third.imagesPerSecond).toBeLessThanOrEqual(took);
    expect(third.secondsLeft).toBeLessThanOrEqual((stepMs + took) / 2 / 1000);
    expect(stepsOf(seen).at(-1)?.secondsLeft).toBe(0);
  });

  it('is ended by its signal while it is paused, with a checkpoint', async () => {
    const out = await temporaryFolder();
    const pause = new PauseSwitch();
    const controller = new AbortController();
    const seen = collect({ out, pause, signal: controller.signal }, (event) => {
      if (event.type === 'step' && event.step === 1) {
        pause.pause();
        globalThis.setTimeout(() => controller.abort(), 100);
      }
    });
    expect(typesOf(await seen)).toEqual(['run', 'step', 'checkpoint', 'end']);
    expect((await loadCheckpoint(out)).state.step).toBe(1);
  });

  it('takes no step when it is told to end before the first, nor when none is left', async () => {
    const signal = AbortSignal.abort();
    const out = await temporaryFolder();
    expect(typesOf(await collect({ out, signal }))).toEqual(['run', 'end']);
    await expect(loadCheckpoint(out)).rejects.toMatchObject({ code: 'checkpoint-invalid' });
    const nothing = await collect({ out, resume: await loadCheckpoint(whole) });
    expect(typesOf(nothing)).toEqual(['run', 'end']);
  });

  it('depends on the seed, and ends where `steps` says', async () => {
    const other = numbers(await collect({ config: configure({ steps: 1, seed: 6 }) }));
    expect(other.length).toBe(1);
    expect(other[0]!.loss).not.toBe(numbers(events)[0]!.loss);
  });

  it('saves the state before a step that goes bad, and names the step', async () => {
    const out = await temporaryFolder();
    const config = configure({ learningRate: 1e30 });
    const seen: PretrainEvent[] = [];
    const run = collect({ out, config }, (event) => seen.push(event));
    await expect(run).rejects.toMatchObject({ code: 'loss-not-finite' });
    const taken = stepsOf(seen).length;
    expect(taken).toBeGreaterThan(0);
    await expect(run).rejects.toThrow(`step ${taken + 1}: `);
    expect((await loadCheckpoint(out)).state.step).toBe(taken);
  });

  it('ends with a code where the last step leaves weights that are finite, and no more', async () => {
    const out = await temporaryFolder();
    const run = collect({ out, config: configure({ learningRate: 1e30, steps: 1 }) });
    await expect(run).rejects.toMatchObject({ code: 'loss-not-finite' });
    await expect(run).rejects.toThrow(/after step 1 the encoder's features .*no earlier checkpoint/);
    expect(await readdir(out)).toEqual([]);
  });

  it('saves no weights that are not finite: the run ends and names the step, the last good checkpoint stays', async () => {
    const out = await temporaryFolder();
    await collect({ out, config: configure({ steps: 1 }) });
    const resume = await loadCheckpoint(out);
    const config = { ...resume.state.config, weightDecay: 1e300, steps: 2 };
    const run = collect({ out, resume, config });
    await expect(run).rejects.toMatchObject({ code: 'loss-not-finite' });
    await expect(run).rejects.toThrow(/after step 2 .* holds .*the last good checkpoint is .*step-000001/);
    expect(await readdir(out)).toEqual(['step-000001']);
  });
});
