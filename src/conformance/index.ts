/**
 * `moco-web/conformance`: does this machine compute the kernels right? Runs every kernel on designed inputs and compares it
 * with float64, within bounds that are derived (docs/numerics.md).
 *
 *     const { device, name } = await requestDevice();
 *     const kernels = await createWebGpuKernels(device);
 *     const results = [];
 *     for await (const result of runConformance(kernels, { device, adapter: name })) results.push(result);
 *     console.log(formatReport(results));
 *
 * @module moco-web/conformance
 */

export type { Environment } from '../runtime/environment.ts';
export type { MachineReport } from '../runtime/machine.ts';
export type { KernelName } from './case.ts';
export {
  type ConformanceCounts,
  compileFailure,
  countResults,
  formatCounts,
  formatFailure,
  formatReport,
  type KernelSummary,
  summarizeKernels,
} from './report.ts';
export { type ConformanceOptions, type ConformanceResult, runConformance } from './run-conformance.ts';
export { type ConformanceReport, conformanceMarkdown, conformanceReport } from './share.ts';
export { CASE_NAMES } from './suite.ts';
export type { Failure } from './trial.ts';
