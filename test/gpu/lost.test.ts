/** A device that is lost while it trains: an error within seconds, never a hang, and everything can be ended. */

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeDrawn } from '../../src/data/dataset.ts';
import { openKernels } from '../../src/kernels/open.ts';
import { STREAMS } from '../../src/random.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { BATCH, input, openTiny, SIZE, SPEC } from '../train/tiny.ts';
import { watchDevices } from './traffic.ts';

const DIST = new URL('../../dist', import.meta.url).href;
const LOST = { code: 'device-lost', message: expect.stringContaining('make a new one and new kernels') };

/** Fails where something takes longer than people wait. */
async function soon<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('this still waits after 5 s')), 5000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

onWebGpu(({ kernels }) => {
  let devices: ReturnType<typeof watchDevices>;
  beforeAll(() => {
    devices = watchDevices();
  });
  afterAll(() => devices.stop());

  describe('a trainer', () => {
    async function open() {
      const tiny = await openTiny(1, { kernels: await openKernels('webgpu') });
      return { tiny, ...devices.made.at(-1)! };
    }

    it('during a step, and all that is asked of it after', async () => {
      const { tiny, device, traffic } = await open();
      const trainer = await tiny.trainer();
      const step = trainer.step(
        input(1, (_, stream) => {
          if (stream === STREAMS.firstView) device.destroy();
        }),
      );
      await expect(step).rejects.toMatchObject(LOST);
      await expect(soon(trainer.step(input(1)))).rejects.toMatchObject(LOST);
      await expect(soon(trainer.state())).rejects.toMatchObject(LOST);
      await expect(soon(trainer.prepareEmbedding())).rejects.toMatchObject(LOST);
      // Its session is not made yet.
      const images = async () => new Float32Array(3 * SIZE ** 2);
      await expect(soon(trainer.embed(images))).rejects.toMatchObject(LOST);
      await soon(tiny.dispose());
      expect(traffic.live.ours.size).toBe(0);
    });

    it('while it embeds', async () => {
      const { tiny, device, traffic } = await open();
      const trainer = await tiny.trainer();
      await trainer.prepareEmbedding();
      const images = async () => new Float32Array(BATCH * 3 * SIZE ** 2);
      await trainer.embed(images);
      const { length } = traffic.reads;
      const embedding = trainer.embed(images);
      while (traffic.reads.length === length) await new Promise((go) => setImmediate(go));
      device.destroy();
      await expect(soon(embedding)).rejects.toMatchObject(LOST);
      await expect(soon(trainer.embed(images))).rejects.toMatchObject(LOST);
      await soon(tiny.dispose());
      expect(traffic.live.ours.size).toBe(0);
    });
  });

  it('whose call never comes back keeps no other device waiting', async () => {
    const embed = async () => {
      const tiny = await openTiny(1, { kernels: await openKernels('webgpu') });
      const trainer = await tiny.trainer();
      await trainer.prepareEmbedding();
      const images = async () => new Float32Array(BATCH * 3 * SIZE ** 2).fill(0.5);
      return { tiny, again: () => trainer.embed(images), values: await trainer.embed(images) };
    };
    const first = await embed();
    const { device, traffic } = devices.made.at(-1)!;
    // onnxruntime waits for its embeddings, and goes on waiting when the device is lost.
    traffic.holdReads();
    const { length } = traffic.reads;
    const held = first.again();
    while (traffic.reads.length === length) await new Promise((go) => setImmediate(go));
    const waiting = first.again();
    device.destroy();
    await expect(soon(held)).rejects.toMatchObject(LOST);
    await expect(soon(waiting)).rejects.toMatchObject(LOST);
    await soon(first.tiny.dispose());
    const second = await embed();
    expect(second.values).toEqual(first.values);
    await soon(second.tiny.dispose());
  });

  it('a run has two steps under way, and reads back nothing but their numbers', async () => {
    const small = { width: 1, dim: 4, imageSize: 8, batchSize: 8, groups: 1, queueSize: 16, steps: 9 };
    // Twelve steps an epoch: at the end of one more is read.
    const data = await describeDrawn(96, 5, 8, 3);
    const config = resolveConfig('moco-cifar', small, { images: data.trainLength });
    const told: { step: number; reads: number; bytes: number[] }[] = [];
    const backend = { backend: 'webgpu', adapter: '', reason: '' } as const;
    const before = devices.made.length;
    for await (const event of pretrain({ config, data, backend, workers: 1 })) {
      if (event.type !== 'step') continue;
      const { device, traffic } = devices.made[before]!;
      told.push({
        step: event.step,
        reads: traffic.reads.length,
        bytes: traffic.reads.map(({ bytes }) => bytes),
      });
      if (event.step < 6) continue;
      device.destroy();
      break;
    }
    // When the numbers of a step are told, the next one has been issued, its own read begun; nothing else is read.
    expect(told.map(({ step, reads }) => [step, reads])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [n, n + 1]));
    expect(told.at(-1)!.bytes).toEqual(Array(7).fill(20));
    const { traffic } = devices.made[before]!;
    expect(traffic.stagedBytes).toBe(7 * 20);
    expect(traffic.live.ours.size).toBe(0);
  });

  it('a process whose device is lost in a step says so', async () => {
    const script = `
      import { chooseBackend, describeDrawn, pretrain, resolveConfig } from '${DIST}/index.js';
      const backend = await chooseBackend('webgpu');
      const { prototype } = GPUAdapter;
      const { requestDevice } = prototype;
      let device;
      prototype.requestDevice = async function (descriptor) {
        return (device = await requestDevice.call(this, descriptor));
      };
      const data = await describeDrawn(32, 5, 8, 3);
      const small = { width: 1, dim: 4, imageSize: 8, batchSize: 8, groups: 1, queueSize: 16, steps: 9 };
      const config = resolveConfig('moco-cifar', small, { images: data.trainLength });
      let lost = 0;
      try {
        for await (const { type, about, message } of pretrain({ config, data, backend, workers: 1 })) {
          if (type === 'run') setTimeout(() => device.destroy((lost = performance.now())), 1000);
          if (type === 'notice' && about === undefined) {
            console.log(JSON.stringify({ message, seconds: (performance.now() - lost) / 1000 }));
            break;
          }
        }
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message }));
      }`;
    const file = `${await temporaryFolder()}/lost.mjs`;
    await writeFile(file, script);
    const child = spawn(process.execPath, [file], { timeout: 100_000 });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(0);
    const told = JSON.parse(output) as { seconds: number };
    expect(told).toMatchObject({ message: expect.stringMatching(/going on with another/) });
    expect(told.seconds).toBeLessThan(10);
  });

  it('a queue larger than the GPU binds at once is refused, with advice', async () => {
    const { device } = kernels;
    const tiny = await openTiny(1, { kernels });
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    // A gigabyte or more, of which only the length is asked before it is refused.
    const settings = { queueSize: limit / 4 / SPEC.dim + 1 };
    await expect(tiny.trainer({ settings })).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/binds at most .*: lower the queue size/),
    });
    await tiny.encoders.dispose();
  });
});
