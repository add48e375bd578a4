/** A run whose device is lost, or full, goes on with another. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeDrawn } from '../../src/data/dataset.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import type { PretrainEvent } from '../../src/train/events.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { watchDevices } from '../gpu/traffic.ts';
import { onWebGpu } from '../kernels/backends.ts';

const small = { width: 1, dim: 4, imageSize: 8, batchSize: 8, groups: 1, queueSize: 16, steps: 5 };
const data = await describeDrawn(32, 5, 8, 3);
const config = resolveConfig('moco-cifar', small, { images: data.trainLength });
const backend = { backend: 'webgpu', adapter: '', reason: '' } as const;

onWebGpu(() => {
  let devices: ReturnType<typeof watchDevices>;
  beforeAll(() => {
    devices = watchDevices();
  });
  afterAll(() => devices.stop());

  /** The driver itself refuses the memory, and says so as it says it of any other buffer. */
  function fill(device: GPUDevice): void {
    device.createBuffer({ size: device.limits.maxBufferSize, usage: GPUBufferUsage.STORAGE }).destroy();
  }

  const noticesOf = (events: readonly PretrainEvent[]) =>
    events.flatMap((event) => (event.type === 'notice' && !event.about ? [event.message] : []));
  const stepsOf = (events: readonly PretrainEvent[]) => events.filter(({ type }) => type === 'step');

  let whole: PretrainEvent[] = [];
  beforeAll(async () => {
    whole = await run({});
  }, 600_000);

  async function run(options: object, seen: (event: PretrainEvent) => void = () => {}) {
    const events: PretrainEvent[] = [];
    for await (const event of pretrain({ config, data, backend, workers: 1, ...options })) {
      events.push(event);
      seen(event);
    }
    return events.map((event) =>
      event.type === 'step' ? { ...event, imagesPerSecond: 0, secondsLeft: 0 } : event,
    );
  }

  it('GPU device lost → goes on with another from the last checkpoint, nothing told twice, same digits', async () => {
    const before = devices.made.length;
    const lose = ({ type, ...event }: PretrainEvent) => {
      if (type === 'step' && 'step' in event && event.step === 3) devices.made.at(-1)!.device.destroy();
    };
    const events = await run({ out: await temporaryFolder(), checkpointEvery: 2 }, lose);
    expect(devices.made.length).toBe(before + 2);
    expect(stepsOf(events)).toEqual(stepsOf(whole));
    expect(noticesOf(events)).toEqual([
      'the GPU device was lost after step 3; going on with another device from step 2, the last kept',
    ]);
    for (const { traffic } of devices.made.slice(before)) expect(traffic.live.ours.size).toBe(0);
  }, 600_000);

  it('GPU device lost in kNN → measured on another, nothing told twice, no step taken again', async () => {
    const before = devices.made.length;
    const measured = await run({ knnEvery: 1 });
    const out = await temporaryFolder();
    const events = await run({ out, knnEvery: 1, checkpointEvery: 4 }, ({ type }) => {
      // The kNN of that step comes next.
      if (type === 'checkpoint') devices.made.at(-1)!.device.destroy();
    });
    expect(devices.made.length).toBe(before + 4);
    const told = (all: readonly PretrainEvent[]) =>
      all.filter(({ type }) => !['notice', 'checkpoint', 'measuring'].includes(type));
    expect(told(events)).toEqual(told(measured));
    expect(noticesOf(events)).toEqual([
      'the GPU device was lost after step 4; going on with another device from step 4, the last kept',
      'the GPU device was lost after step 5; going on with another device from step 5, the last kept',
    ]);
    const checkpoints = events.flatMap((event) => (event.type === 'checkpoint' ? [event.step] : []));
    expect(checkpoints).toEqual([4, 5]);
  }, 600_000);

  it('GPU memory full in kNN → goes on with another device without kNN, same digits', async () => {
    const out = await temporaryFolder();
    const events = await run({ out, knnEvery: 1, checkpointEvery: 4 }, (event) => {
      if (event.type === 'checkpoint' && event.step === 4) fill(devices.made.at(-1)!.device);
    });
    expect(stepsOf(events)).toEqual(stepsOf(whole));
    // Before the first step, and none after the failure.
    expect(events.filter(({ type }) => type === 'knn')).toHaveLength(2);
    expect(noticesOf(events)).toEqual([
      expect.stringMatching(
        /^the kNN monitor failed \(the GPU has no memory left .*\) after step 4; going on with another device from step 4, the last kept, without kNN$/,
      ),
    ]);
  }, 600_000);

  it('GPU memory full → goes on with more computed again from the last checkpoint, same digits', async () => {
    const events = await run({ out: await temporaryFolder(), checkpointEvery: 2 }, (event) => {
      if (event.type === 'step' && event.step === 3) fill(devices.made.at(-1)!.device);
    });
    expect(stepsOf(events)).toEqual(stepsOf(whole));
    expect(noticesOf(events)).toEqual([
      expect.stringMatching(
        /^the GPU's memory was full after step 3; going on with another device from step 2, the last kept, recompute least → cheap/,
      ),
    ]);
  }, 600_000);

  it('GPU memory full at every level → out-of-memory with groups that would fit', async () => {
    const told: PretrainEvent[] = [];
    const { length } = devices.made;
    const failing = run({}, (event) => {
      told.push(event);
      if (event.type === 'run' || (event.type === 'notice' && !event.about)) {
        // The next one is made when the run goes on.
        const device = () => devices.made[length + noticesOf(told).length]?.device;
        const wait = setInterval(() => {
          if (!device()) return;
          clearInterval(wait);
          fill(device()!);
        }, 5);
      }
    });
    await expect(failing).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(
        /no memory left .*; groups 1 do not fit: groups 2 would take about half/,
      ),
    });
    expect(noticesOf(told)).toEqual([
      expect.stringMatching(/least → cheap/),
      expect.stringMatching(/cheap → segments/),
    ]);
    for (const { traffic } of devices.made.slice(length)) expect(traffic.live.ours.size).toBe(0);
  }, 600_000);
});
