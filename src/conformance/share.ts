/** A run of the suite as something to hand on: what failed where, and on what machine. */
import { expectArgument, listOf, made, oneOf, text } from '../arguments.ts';
import { describeMachine, type MachineReport, machineInMarkdown } from '../runtime/machine.ts';
import {
  type ConformanceCounts,
  countResults,
  formatCounts,
  formatFailure,
  type KernelSummary,
  summarizeKernels,
} from './report.ts';
import type { ConformanceResult } from './run-conformance.ts';

/** Plain data: JSON.stringify makes a file of it. */
export interface ConformanceReport {
  readonly machine: MachineReport;
  readonly backend: ConformanceResult['backend'];
  readonly adapter: string | null;
  readonly counts: ConformanceCounts;
  readonly kernels: readonly KernelSummary[];
  readonly cases: readonly ConformanceResult[];
}

const REPORT = made<ConformanceReport>('what conformanceReport gave', {
  backend: oneOf(['wasm', 'webgpu']),
  cases: listOf(made<ConformanceResult>('a result', { case: text(), status: text() }), 'results'),
});

/**
 * The results with version, date, system, GPU, driver and limits. Infinity and NaN are not JSON: they become null, and the
 * status says FAIL.
 * @throws MocoError usage for anything but results of `runConformance`
 */
export async function conformanceReport(results: readonly ConformanceResult[]): Promise<ConformanceReport> {
  const [counts, kernels] = [countResults(results), summarizeKernels(results)];
  const { backend = 'wasm', adapter = null } = results[0] ?? {};
  return { machine: await describeMachine(), backend, adapter, counts, kernels, cases: results };
}

/** The same to be pasted into an issue. @throws MocoError usage for anything but what `conformanceReport` gave */
export function conformanceMarkdown(report: ConformanceReport): string {
  expectArgument('conformanceMarkdown', 'report', report, REPORT);
  const { machine, backend, adapter, kernels, cases } = report;
  const rows = kernels.map(({ kernel, ok, failed, skipped, worst, worstCase, milliseconds }) =>
    [
      kernel,
      ok,
      failed,
      skipped,
      worst?.toPrecision(3) ?? '–',
      (milliseconds / 1000).toFixed(2),
      worstCase ?? '',
    ].join(' | '),
  );
  const failed = cases
    .filter(({ status }) => status === 'FAIL')
    .flatMap((one) => [...formatFailure(one), '']);
  const skipped = cases.filter(({ status }) => status === 'skipped');
  return [
    `## moco-web conformance on ${backend}${adapter === null ? '' : `, ${adapter}`}: ${formatCounts(cases)}`,
    '',
    ...machineInMarkdown(machine),
    '',
    'kernel | ok | FAIL | skipped | worst/bound | seconds | worst in',
    '--- | --: | --: | --: | --: | --: | ---',
    ...rows,
    ...(failed.length > 0 ? ['', '```', ...failed.slice(0, -1), '```'] : []),
    ...(skipped.length > 0
      ? ['', ...skipped.map(({ case: name, reason }) => `- skipped ${name}: ${reason}`)]
      : []),
    '',
  ].join('\n');
}
