/**
 * Worker script: measures one part on one backend, by the package's public API and by what bench/measure/ shares with the scripts and the
 * offline bundle. A worker a part: what profiles a step, or runs out of memory, changes no other.
 */
import {
  createClock,
  limitsOfGpu,
  limitsOfWasm,
  measureConvolution,
  measureInfoNce,
  sessionsOfGpu,
  sessionsOfWasm,
  timeOfSteps,
  trainLosses,
} from '../../../bench/measure/index.mjs';
import type * as Conformance from '../../../src/conformance/index.ts';
import type * as KernelsOf from '../../../src/kernels.ts';
import type * as Onnx from '../../../src/onnx.ts';
import type * as Library from '../moco-web.ts';
import {
  type BackendFigures,
  type Computer,
  type ConvolutionFigures,
  FORMS,
  type Form,
  type Part,
  type Share,
} from './figures.ts';
import { MOST_SHARES } from './link.ts';
import { SIZES, type Size, type SizeName } from './sizes.ts';

export interface BenchTask {
  readonly part: Part;
  readonly backend: Computer;
  readonly size: SizeName;
  /** Of that backend, once part `kernels` has measured them. */
  readonly limits: BackendFigures['limits'];
}

export type BenchNews =
  | { readonly type: 'found'; readonly found: Partial<BackendFigures> }
  /** How far a part of several pieces is. */
  | { readonly type: 'progress'; readonly done: number; readonly all: number }
  | { readonly type: 'failed'; readonly why: string }
  | { readonly type: 'end' };

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<BenchTask>) => void) | null;
  postMessage(news: BenchNews): void;
  location: Location;
};

/** The build puts the package beside this script. */
const addressOf = (file: string): string => new URL(`./moco-web/${file}`, scope.location.href).href;
const entry = <Entry>(name: string): Promise<Entry> => import(addressOf(`${name}.js`)) as Promise<Entry>;
const library = () => entry<typeof Library & typeof import('../../../src/index.ts')>('index');

const tell = (found: Partial<BackendFigures>): void => scope.postMessage({ type: 'found', found });
const progress = (done: number, all: number): void => scope.postMessage({ type: 'progress', done, all });

scope.onmessage = ({ data }) =>
  void RUN[data.part](data, SIZES[data.size])
    .catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      scope.postMessage({ type: 'failed', why });
    })
    .then(() => scope.postMessage({ type: 'end' }));

const RUN: Readonly<Record<Part, (task: BenchTask, size: Size) => Promise<void>>> = {
  checks,
  kernels,
  convolutions,
  step,
  time,
  losses,
};

/** Kernels and their clock, until this worker ends. */
async function open(backend: Computer) {
  const { createWasmKernels, createWebGpuKernels, requestDevice } = await entry<typeof KernelsOf>('kernels');
  if (backend === 'wasm') {
    return { backend, kernels: await createWasmKernels(), clock: createClock(null) } as const;
  }
  const { device } = await requestDevice();
  // The clock comes before the kernels: they then encode by it.
  const clock = createClock(device);
  return { backend, device, clock, kernels: await createWebGpuKernels(device) } as const;
}

/** The first case of each kernel. Take away has all of them. */
async function checks({ backend }: BenchTask): Promise<void> {
  const { CASE_NAMES, countResults, runConformance } = await entry<typeof Conformance>('conformance');
  const opened = await open(backend);
  const first = new Map<string, string>();
  for (const name of CASE_NAMES) {
    const kernel = name.split('/')[0]!;
    if (!first.has(kernel)) first.set(kernel, name);
  }
  const results: Conformance.ConformanceResult[] = [];
  for (const only of first.values()) {
    const given = opened.backend === 'webgpu' ? { only, device: opened.device } : { only };
    for await (const result of runConformance(opened.kernels, given)) results.push(result);
    progress(results.length, first.size);
  }
  const { ok, FAIL, skipped } = countResults(results);
  tell({ checks: { passed: ok, failed: FAIL, skipped } });
}

async function kernels({ backend }: BenchTask, { small, infonce: shape }: Size): Promise<void> {
  const opened = await open(backend);
  const limits =
    opened.backend === 'webgpu'
      ? await limitsOfGpu(opened, small)
      : await limitsOfWasm(await (await fetch(addressOf('kernels.wasm'))).arrayBuffer(), small);
  tell({ limits });
  const { wallMs, gpuMs, floorMs } = await measureInfoNce({ ...opened, limits }, shape);
  const [rows, dim, queueSize] = shape;
  tell({ infonce: { rows, dim, queueSize, milliseconds: gpuMs ?? wallMs, floor: floorMs } });
}

const WASM_FILES = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
} as const;

/** That of the package is inside of it: this is the same one. */
async function onnxruntime(backend: Computer) {
  const ort = await (backend === 'webgpu'
    ? import('onnxruntime-web/webgpu')
    : import('onnxruntime-web/wasm'));
  Object.assign(ort.env.wasm, { wasmPaths: { wasm: addressOf(WASM_FILES[backend]) }, numThreads: 1 });
  ort.env.logLevel = 'error';
  return ort;
}

async function convolutions({ backend, limits }: BenchTask, size: Size): Promise<void> {
  if (!limits) throw new Error('peak and bandwidth were not measured');
  const { differentiateGraph, encodeModel } = await entry<typeof Onnx>('onnx');
  const ort = await onnxruntime(backend);
  const opened = await open(backend);
  const sessions = opened.backend === 'webgpu' ? sessionsOfGpu(ort, opened) : sessionsOfWasm(ort, opened);
  const context = { ...opened, limits, ort, sessions, provider: backend, differentiateGraph, encodeModel };
  const found: ConvolutionFigures[] = [];
  for (const given of size.convolutions) {
    const measured = await measureConvolution(context, given);
    const time = (form: Form) => {
      const { gpuMs, wallMs } = measured[form] ?? {};
      return [form, gpuMs ?? wallMs ?? null];
    };
    const milliseconds = Object.fromEntries(FORMS.map(time)) as ConvolutionFigures['milliseconds'];
    found.push({ given, flop: measured.flop, floor: measured.floorMs, milliseconds });
    tell({ convolutions: [...found] });
    progress(found.length, size.convolutions.length);
  }
}

async function step({ backend }: BenchTask, size: Size): Promise<void> {
  const { measureStep, resolveConfig } = await library();
  const { network, batchSize, groups, steps } = size;
  const processors = navigator.hardwareConcurrency || 1;
  const facts = { images: 4 * batchSize, imageSizeOfData: network.imageSize, backend, processors };
  const config = resolveConfig('moco-v2', { ...network, batchSize, groups }, facts);
  const measured = await measureStep({ config, backend, steps: steps[backend] });
  const { imagesPerSecond, flopsPerImage, seconds } = measured;
  const phases = Object.entries(seconds).map(([name, of]) => ({ name, time: Math.max(0, of), times: 1 }));
  tell({
    step: {
      ...{ arch: network.arch, width: network.width, imageSize: network.imageSize, batchSize, groups },
      ...{ imagesPerSecond, gflops: (imagesPerSecond * flopsPerImage) / 1e9, phases },
    },
  });
}

/** Of a GPU: on a processor sessions are made in workers of the package, which nobody can look into. */
async function time(_: BenchTask, { network, images, small }: Size): Promise<void> {
  const ort = await onnxruntime('webgpu');
  const found = await timeOfSteps(await library(), ort, { network, images, steps: small ? 1 : 3 });
  tell({
    time: {
      images,
      operators: summed(found.operators.map(({ operator, runs, gpuMs }) => [operator, runs, gpuMs])),
      kernels: summed(
        (found.kernels ?? []).map(({ kernel, dispatches, gpuMs }) => [kernel, dispatches, gpuMs]),
      ),
      hosts: summed(found.hosts.map(({ operator, runs, hostMs }) => [operator, runs, hostMs])),
    },
  });
}

/** One row a name, the longest first; what is left of many is one row. */
function summed(rows: readonly (readonly [name: string, times: number, time: number])[]): Share[] {
  const sums = new Map<string, Share>();
  const add = (name: string, times: number, time: number) => {
    const before = sums.get(name) ?? { name, times: 0, time: 0 };
    sums.set(name, { name, times: before.times + times, time: before.time + time });
  };
  for (const row of rows) add(...row);
  const sorted = [...sums.values()].sort((a, b) => b.time - a.time);
  sums.clear();
  for (const [i, { name, times, time }] of sorted.entries()) {
    add(i < MOST_SHARES - 1 ? name : 'all others', times, time);
  }
  return [...sums.values()];
}

async function losses({ backend }: BenchTask, { losses: { encoder, steps } }: Size): Promise<void> {
  const { run } = await trainLosses(await library(), { encoder, steps, backend }, ({ length }) =>
    progress(length, steps),
  );
  tell({ losses: run.losses });
}
