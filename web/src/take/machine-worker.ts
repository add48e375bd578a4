/** Worker script: does this machine compute right, and how fast? The package's conformance suite, a result at a time, and its bench. */
import type * as Conformance from '../../../src/conformance/index.ts';
import type { Kernels } from '../../../src/kernels.ts';

export interface MachineTask {
  readonly kind: 'check' | 'bench';
  readonly backend: 'wasm' | 'webgpu';
}

export type MachineNews =
  | { readonly type: 'result'; readonly done: number; readonly all: number; readonly failed: number }
  | {
      readonly type: 'end';
      readonly text: string;
      readonly counts: Conformance.ConformanceCounts;
      readonly kernels: Conformance.KernelSummary[];
      readonly results: Conformance.ConformanceResult[];
    }
  | { readonly type: 'bench'; readonly text: string; readonly json: object }
  | { readonly type: 'error'; readonly reason: string };

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<MachineTask>) => void) | null;
  postMessage(news: MachineNews): void;
  location: Location;
};

/** The build puts the package beside this script. */
const part = <Part>(name: string): Promise<Part> =>
  import(new URL(`./moco-web/${name}.js`, scope.location.href).href) as Promise<Part>;

scope.onmessage = ({ data }) => {
  (data.kind === 'bench' ? bench(data) : check(data)).catch((error: unknown) =>
    scope.postMessage({ type: 'error', reason: error instanceof Error ? error.message : String(error) }),
  );
};

async function check({ backend }: MachineTask): Promise<void> {
  const suite = await part<typeof Conformance>('conformance');
  const { createWasmKernels, createWebGpuKernels, requestDevice } =
    await part<typeof import('../../../src/kernels.ts')>('kernels');
  const gpu = backend === 'webgpu' ? await requestDevice() : null;
  const kernels: Kernels = gpu ? await createWebGpuKernels(gpu.device) : await createWasmKernels();
  const results: Conformance.ConformanceResult[] = [];
  const all = suite.CASE_NAMES.length;
  for await (const result of suite.runConformance(
    kernels,
    gpu ? { device: gpu.device, adapter: gpu.name } : {},
  )) {
    results.push(result);
    scope.postMessage({
      type: 'result',
      done: results.length,
      all,
      failed: suite.countResults(results).FAIL,
    });
  }
  const counts = suite.countResults(results);
  const text = suite.formatReport(results);
  scope.postMessage({ type: 'end', text, counts, kernels: suite.summarizeKernels(results), results });
}

/** As many photos as the drawn set has: what the preset makes of them is timed. */
const IMAGES = 1200;
const STEPS = 5;

async function bench({ backend }: MachineTask): Promise<void> {
  const { benchInWords, chooseBackend, measureStep, measureViews, resolveConfig } =
    await part<typeof import('../../../src/index.ts')>('index');
  const choice = await chooseBackend(backend);
  const processors = navigator.hardwareConcurrency || 1;
  const facts = { images: IMAGES, imageSizeOfData: 32, backend, processors };
  const config = resolveConfig('photos', {}, facts);
  const measured = await measureStep({ config, backend, steps: STEPS });
  const augmentation = await measureViews(config.augmentation, config.imageSize, null);
  const text = benchInWords({ config, ...choice, measured, augmentation });
  scope.postMessage({ type: 'bench', text, json: { ...measured, augmentation, ...choice, config } });
}
