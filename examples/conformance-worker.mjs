// The suite on one backend, as it lies in dist/: no bundler, no import map.
import {
  compileFailure,
  conformanceMarkdown,
  conformanceReport,
  countResults,
  formatCounts,
  formatFailure,
  runConformance,
  summarizeKernels,
} from '../dist/conformance.js';
import { createWasmKernels, createWebGpuKernels, requestDevice } from '../dist/kernels.js';

async function openWebGpu(results) {
  const { device, name, software } = await requestDevice();
  postMessage({ type: 'started', adapter: `${name}${software ? ' (software)' : ''}` });
  try {
    return { kernels: await createWebGpuKernels(device), options: { device, adapter: name } };
  } catch (error) {
    // The shader compiler of this driver refused one.
    results.push(compileFailure(error, name));
    return null;
  }
}

async function openWasm() {
  postMessage({ type: 'started', adapter: 'WebAssembly' });
  return { kernels: await createWasmKernels(), options: {} };
}

async function runAll({ backend, only }) {
  const results = [];
  const open = await (backend === 'wasm' ? openWasm() : openWebGpu(results));
  if (open) {
    const { kernels, options } = open;
    for await (const result of runConformance(kernels, only ? { ...options, only } : options)) {
      results.push(result);
      const kernelsSoFar = summarizeKernels(results);
      postMessage({ type: 'progress', done: results.length, name: result.case, kernels: kernelsSoFar });
    }
    kernels.dispose();
    options.device?.destroy();
  }
  const details = results
    .filter(({ status }) => status !== 'ok')
    .map((result) => ({
      status: result.status,
      lines:
        result.status === 'FAIL'
          ? formatFailure(result).join('\n')
          : `skipped ${result.case}: ${result.reason}`,
    }));
  const [counts, kernels] = [countResults(results), summarizeKernels(results)];
  const report = await conformanceReport(results);
  const shared = { markdown: conformanceMarkdown(report), json: JSON.stringify(report, null, 2) };
  postMessage({ type: 'ended', counts, kernels, text: formatCounts(results), details, shared });
}

addEventListener('message', async ({ data }) => {
  try {
    await runAll(data);
  } catch (error) {
    postMessage({ type: 'error', message: error instanceof Error ? error.message : String(error) });
  }
});
