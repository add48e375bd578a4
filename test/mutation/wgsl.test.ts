/** Mutants of the shaders, on the device that a session would get. */
import { readFile } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { kernelName } from '../../src/conformance/case.ts';
import { type AnyKernel, KERNELS, type KernelName, SHADER_FILES } from '../../src/kernels/registry.ts';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { type GpuDevice, requestDevice } from '../../src/runtime/gpu.ts';
import { campaign, caughtBy } from './campaign.ts';
import { type Mutant, mutate } from './mutant.ts';
import { byFile, mutantsIn } from './mutants.ts';

/** Compiled where there are no subgroups, or none are wanted. */
const PLAIN = 'reduce-plain.wgsl';
const SUBGROUPS = 'reduce-subgroups.wgsl';

/** What no case sees at the usual sizes may show where an invocation has several lanes of a sum. */
const SIZES = [{}, { workgroupSize: 16 }];

const SHADERS_OF = new Map(
  (Object.entries(KERNELS) as [KernelName, AnyKernel][]).map(([name, { shaders }]) => [
    kernelName(name),
    shaders,
  ]),
);
const KERNELS_OF = byFile((kernel) => {
  const files = SHADERS_OF.get(kernel)!.flatMap((shader) => shader.files);
  return files.flatMap(({ name, withSubgroups }) => (withSubgroups ? [name, withSubgroups.name] : [name]));
});

interface Ground extends GpuDevice {
  /** Alive while mutants come and go: Dawn takes the pipelines of files without a change from it. */
  unchanged: WebGpuKernels;
}

async function open(): Promise<Ground> {
  const gpu = await requestDevice();
  return { ...gpu, unchanged: await createWebGpuKernels(gpu.device) };
}

function close({ device, unchanged }: Ground): void {
  unchanged.dispose();
  device.destroy();
}

let ground = await open();
console.log(`wgsl: ${ground.name}`);
afterAll(() => close(ground));

async function attempt(mutant: Mutant): Promise<string | null> {
  const { file } = mutant;
  const text = await readFile(new URL(`../../shaders/${file}`, import.meta.url), 'utf8');
  const shaders = { [file]: mutate(text, mutant) };
  for (const size of SIZES) {
    const options = { ...size, shaders, subgroups: file !== PLAIN };
    const kernels = await createWebGpuKernels(ground.device, options);
    const { by, over } = await caughtBy(kernels, KERNELS_OF.get(file) ?? [], ground.device);
    kernels.dispose();
    if (over) {
      close(ground);
      ground = await open();
    }
    if (by !== null) return by;
  }
  return null;
}

it('the shaders as they are pass', async () => {
  const names = [...KERNELS_OF.values()].flat();
  expect(await caughtBy(ground.unchanged, names, ground.device)).toEqual({ by: null, over: false });
});

// A device without subgroups does not compile that file.
const compiled = (file: string): boolean => file !== SUBGROUPS || ground.device.features.has('subgroups');
campaign(
  'wgsl',
  SHADER_FILES.filter(compiled),
  (await mutantsIn('WGSL')).filter(({ file }) => compiled(file)),
  attempt,
);
