/** A run whose device is lost goes on with another. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeDrawn } from '../../src/data/dataset.ts';
import { resolveConfig } from '../../src/moco/config.ts';
import type { PretrainEvent } from '../../src/moco/events.ts';
import { pretrain } from '../../src/moco/pretrain.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { watchDevices } from './traffic.ts';

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

  it('goes on from the last checkpoint, tells nothing twice, and gives the same digits', async () => {
    const whole = await run({});
    const before = devices.made.length;
    const lose = ({ type, ...event }: PretrainEvent) => {
      if (type === 'step' && 'step' in event && event.step === 3) devices.made.at(-1)!.device.destroy();
    };
    const events = await run({ out: await temporaryFolder(), checkpointEvery: 2 }, lose);
    expect(devices.made.length).toBe(before + 2);
    const steps = (of: readonly PretrainEvent[]) => of.filter(({ type }) => type === 'step');
    expect(steps(events)).toEqual(steps(whole));
    expect(events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))).toEqual([
      'the GPU device was lost after step 3; going on with another from step 2, the last kept',
    ]);
    for (const { traffic } of devices.made.slice(before)) expect(traffic.live.ours.size).toBe(0);
  }, 600_000);
});
