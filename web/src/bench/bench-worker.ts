/** Worker script: checks and times this machine by the package's public API, one backend after the other. */
import type * as Conformance from '../../../src/conformance/index.ts';
import type { Kernels } from '../../../src/kernels.ts';
import type { BackendFigures } from './figures.ts';

export interface BenchTask {
  readonly backends: readonly ('wasm' | 'webgpu')[];
  /** Shapes that a processor or an adapter in software has done within seconds. */
  readonly small: boolean;
}

export type BenchNews =
  | { readonly type: 'doing'; readonly what: string }
  | { readonly type: 'result'; readonly result: BackendFigures }
  | { readonly type: 'end' };

type Backend = BackendFigures['backend'];

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<BenchTask>) => void) | null;
  postMessage(news: BenchNews): void;
  location: Location;
};

/** The build puts the package beside this script. */
const part = <Part>(name: string): Promise<Part> =>
  import(new URL(`./moco-web/${name}.js`, scope.location.href).href) as Promise<Part>;
const doing = (what: string): void => scope.postMessage({ type: 'doing', what });
const NAMES = { wasm: 'the processor', webgpu: 'the GPU' } as const;

scope.onmessage = ({ data }) => void measureAll(data);

async function measureAll({ backends, small }: BenchTask): Promise<void> {
  for (const backend of backends) {
    scope.postMessage({ type: 'result', result: await measure(backend, small) });
  }
  scope.postMessage({ type: 'end' });
}

/** A part that fails takes only what comes after it away. */
async function measure(backend: Backend, small: boolean): Promise<BackendFigures> {
  const found: { -readonly [Name in keyof BackendFigures]: BackendFigures[Name] } = {
    ...{ backend, problem: null, checks: null, infonce: null, step: null },
  };
  try {
    const { createWasmKernels, createWebGpuKernels, requestDevice } =
      await part<typeof import('../../../src/kernels.ts')>('kernels');
    const gpu = backend === 'webgpu' ? await requestDevice() : null;
    const kernels = gpu ? await createWebGpuKernels(gpu.device) : await createWasmKernels();
    try {
      doing(`Checking ${NAMES[backend]}`);
      found.checks = await check(kernels, gpu?.device);
      doing(`Timing InfoNCE on ${NAMES[backend]}`);
      found.infonce = await timeInfoNce(kernels, small);
    } finally {
      kernels.dispose();
      gpu?.device.destroy();
    }
    doing(`Training a few steps on ${NAMES[backend]}`);
    found.step = await timeStep(backend, small);
  } catch (error) {
    found.problem = error instanceof Error ? error.message : String(error);
  }
  return found;
}

/** The first case of each kernel. Take away has all of them. */
async function check(kernels: Kernels, device: GPUDevice | undefined) {
  const { CASE_NAMES, countResults, runConformance } = await part<typeof Conformance>('conformance');
  const first = new Map<string, string>();
  for (const name of CASE_NAMES) {
    const kernel = name.split('/')[0]!;
    if (!first.has(kernel)) first.set(kernel, name);
  }
  const results: Conformance.ConformanceResult[] = [];
  for (const only of first.values()) {
    for await (const result of runConformance(kernels, { only, ...(device && { device }) }))
      results.push(result);
  }
  const { ok, FAIL, skipped } = countResults(results);
  return { passed: ok, failed: FAIL, skipped };
}

/** Milliseconds at least of a round, and rounds. */
const ROUND = 30;
const ROUNDS = 3;

async function timeInfoNce(kernels: Kernels, small: boolean) {
  const [rows, dim, queueSize] = small ? [32, 64, 4096] : [256, 128, 65536];
  const filled = (length: number) => {
    const array = kernels.allocate(length);
    // Rows of about length 1.
    const scale = Math.sqrt(12 / dim);
    kernels.write(
      array,
      Float32Array.from({ length }, () => scale * (Math.random() - 0.5)),
    );
    return array;
  };
  const given = { query: filled(rows * dim), key: filled(rows * dim), queue: filled(queueSize * dim) };
  const [loss, rank, dQuery] = [rows, rows, rows * dim].map((length) => kernels.allocate(length));
  const results = { loss: loss!, rank: rank!, dQuery: dQuery! };
  const sizes = { rows, dim, queueSize, temperature: 0.2, gradientScale: 1 / rows };
  const round = async (calls: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) kernels.infonce({ ...given, ...results, ...sizes });
    // Waits for the GPU.
    await kernels.read(results.loss);
    return (performance.now() - start) / calls;
  };
  await round(1);
  const calls = Math.max(1, Math.min(200, Math.ceil(ROUND / (await round(1)))));
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) milliseconds = Math.min(milliseconds, await round(calls));
  return { rows, dim, queueSize, milliseconds };
}

async function timeStep(backend: Backend, small: boolean) {
  const { measureStep, resolveConfig } = await part<typeof import('../../../src/index.ts')>('index');
  const processors = navigator.hardwareConcurrency || 1;
  const facts = { images: 1200, imageSizeOfData: 32, backend, processors };
  const tiny = { width: 4, imageSize: 16, dim: 16, batchSize: 16, groups: 2, queueSize: 64 };
  const config = resolveConfig('photos', small ? tiny : {}, facts);
  const { imagesPerSecond, flopsPerImage } = await measureStep({ config, backend, steps: small ? 1 : 5 });
  const { arch, width, imageSize, batchSize } = config;
  return {
    arch,
    width,
    imageSize,
    batchSize,
    imagesPerSecond,
    gflops: (imagesPerSecond * flopsPerImage) / 1e9,
  };
}
