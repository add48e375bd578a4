/** What encoders on a GPU give back where something fails. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { inferenceWeights } from '../../src/models/choose-network.ts';
import { initialParameter, initialStatistic } from '../../src/models/initial-values.ts';
import type { GroupEncoders } from '../../src/scheduler/group-encoders.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { generator, normals } from '../kernels/inputs.ts';
import { LAYOUT, SIZE, SPEC } from '../train/tiny.ts';
import { plainDevice } from './devices.ts';
import { Traffic } from './traffic.ts';

const GROUP = 2;
const images = async () => normals(GROUP * 3 * SIZE ** 2, generator(1));

onWebGpu(() => {
  let device: GPUDevice;
  let traffic: Traffic;
  let kernels: WebGpuKernels;
  let encoders: GroupEncoders;
  beforeAll(async () => {
    device = await plainDevice();
    traffic = new Traffic(device);
    kernels = await createWebGpuKernels(device);
    encoders = await startEncoders(
      kernels,
      { spec: SPEC, groupSize: GROUP, imageSize: SIZE },
      { backend: 'webgpu', workers: 1 },
    );
    const weights = LAYOUT.parameters.map((parameter, i) => {
      const values = initialParameter(parameter, i, 1);
      const array = kernels.allocate(values.length);
      kernels.write(array, values);
      return array;
    });
    await encoders.attachWeights('encoder_k', weights);
  });
  afterAll(async () => {
    await encoders.dispose();
    kernels.dispose();
    device.destroy();
  });

  const live = () => ({ arrays: kernels.liveArrays, onnxruntime: traffic.live.onnxruntime.size });

  it('the statistics of a group whose embedding cannot be taken', async () => {
    const forward = (done: () => void) => encoders.forward('encoder_k', images, done);
    // onnxruntime keeps buffers that are free for the next run.
    for (let i = 0; i < 2; i++) (await forward(() => {})).release();
    const before = live();
    for (let i = 0; i < 3; i++) {
      const failing = forward(() => {
        throw new Error('not taken');
      });
      await expect(failing).rejects.toThrow('not taken');
    }
    (await forward(() => {})).release();
    expect(live()).toEqual(before);
  });

  it('new inference weights that do not fit: those of before are still there, and in use', async () => {
    const values = new Map(LAYOUT.parameters.map((p, i) => [p.name, initialParameter(p, i, 1)]));
    for (const { name, channels } of LAYOUT.layers) {
      for (const part of ['running_mean', 'running_var']) {
        values.set(`${name}.${part}`, initialStatistic(`${name}.${part}`, channels));
      }
    }
    const weights = inferenceWeights(SPEC, SIZE, values);
    await encoders.setInferenceWeights(weights);
    const expected = await encoders.embed(images);
    const before = live();
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    // Of the last one only the length is asked before it is refused.
    const tooLarge = new Map(weights).set([...weights.keys()].at(-1)!, { length: limit } as Float32Array);
    await expect(encoders.setInferenceWeights(tooLarge)).rejects.toMatchObject({ code: 'out-of-memory' });
    expect(live()).toEqual(before);
    expect(await encoders.embed(images)).toEqual(expected);
  });
});
