// A GPU with our kernels and its clock (measure/clock.mjs), for benchmarks in Node. Needs nothing but dist/.
import { createWebGpuKernels, requestDevice } from '../dist/kernels.js';
import { createClock } from './measure/clock.mjs';

/** @returns the device with kernels on it, and a clock */
export async function openGpu() {
  const { device, name, software, features } = await requestDevice();
  // Before the kernels are: they then encode by it.
  const clock = createClock(device);
  const kernels = await createWebGpuKernels(device);
  const close = () => {
    kernels.dispose();
    device.destroy();
  };
  return { device, kernels, clock, adapter: { name, software, features }, close };
}
