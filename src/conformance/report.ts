import { either, expectArgument, listOf, made, nothing, oneOf, text } from '../arguments.ts';
import type { MocoError } from '../errors.ts';
import type { KernelName } from './case.ts';
import { type ConformanceResult, reproduceCommand } from './run-conformance.ts';
import { KERNEL_NAMES } from './suite.ts';
import type { Failure } from './trial.ts';

export interface KernelSummary {
  kernel: ConformanceResult['kernel'];
  ok: number;
  failed: number;
  skipped: number;
  /** The worst error of all its cases as a fraction of its bound, and whose it is. */
  worst: number | null;
  worstCase: string | null;
  milliseconds: number;
}

export interface ConformanceCounts {
  ok: number;
  FAIL: number;
  skipped: number;
}

const RESULT = made<ConformanceResult>('a result of runConformance', {
  case: text(),
  kernel: text(),
  status: oneOf(['ok', 'FAIL', 'skipped']),
});
const RESULTS = listOf(RESULT, 'results of runConformance');

/** A shader that the device's compiler refuses is a failure like any other. */
export function compileFailure(error: MocoError, adapter: string | null): ConformanceResult {
  expectArgument(
    'compileFailure',
    'error',
    error,
    made<MocoError>('a MocoError', { code: text(), message: text() }),
  );
  expectArgument(
    'compileFailure',
    'adapter',
    adapter,
    either({ ...text(), is: (name) => typeof name === 'string' }, nothing),
  );
  return {
    case: 'compile',
    kernel: 'compile',
    status: 'FAIL',
    worst: null,
    failure: null,
    reason: `${error.code}: ${error.message}`,
    milliseconds: 0,
    backend: 'webgpu',
    adapter,
    reproduce: reproduceCommand('webgpu', '').replace(" --only ''", ''),
  };
}

export function countResults(results: readonly ConformanceResult[]): ConformanceCounts {
  expectArgument('countResults', 'results', results, RESULTS);
  const counts = { ok: 0, FAIL: 0, skipped: 0 };
  for (const { status } of results) counts[status]++;
  return counts;
}

/** One for each kernel that has results, in a fixed order. */
export function summarizeKernels(results: readonly ConformanceResult[]): KernelSummary[] {
  expectArgument('summarizeKernels', 'results', results, RESULTS);
  const names: (KernelName | 'compile')[] = ['compile', ...KERNEL_NAMES];
  return names.flatMap((kernel) => {
    const own = results.filter((result) => result.kernel === kernel);
    if (own.length === 0) return [];
    const { ok, FAIL, skipped } = countResults(own);
    const compared = own.filter(({ worst }) => worst !== null);
    const worst = compared.reduce<ConformanceResult | null>(
      (most, result) => (most === null || result.worst! > most.worst! ? result : most),
      null,
    );
    return {
      ...{ kernel, ok, failed: FAIL, skipped, worst: worst?.worst ?? null, worstCase: worst?.case ?? null },
      milliseconds: own.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    };
  });
}

/** A table of kernels, then what is wrong and what was skipped, then the counts. */
export function formatReport(results: readonly ConformanceResult[]): string {
  const rows = summarizeKernels(results).map((summary) => [
    summary.kernel,
    String(summary.ok),
    String(summary.failed),
    String(summary.skipped),
    summary.worst === null ? '–' : formatFraction(summary.worst),
    (summary.milliseconds / 1000).toFixed(2),
    summary.worst ? summary.worstCase! : '',
  ]);
  const lines = table([['kernel', 'ok', 'FAIL', 'skipped', 'worst/bound', 'seconds', 'worst in'], ...rows]);
  for (const result of results) {
    if (result.status === 'FAIL') lines.push('', ...formatFailure(result));
    if (result.status === 'skipped') lines.push('', `skipped  ${result.case}: ${result.reason}`);
  }
  return [...lines, '', formatCounts(results)].join('\n');
}

export function formatCounts(results: readonly ConformanceResult[]): string {
  const { ok, FAIL, skipped } = countResults(results);
  return `${ok} ok, ${FAIL} FAIL, ${skipped} skipped`;
}

/** What is wrong, where, by how much, on what, and how to see it again. */
export function formatFailure(result: ConformanceResult): string[] {
  expectArgument('formatFailure', 'result', result, RESULT);
  const { case: name, failure, reason, adapter, backend, reproduce } = result;
  return [
    `FAIL  ${name}`,
    ...(failure ? describeFailure(failure) : []),
    ...(reason ? reason.split('\n') : []),
    `on ${backend}${adapter ? `, ${adapter}` : ''}`,
    reproduce,
  ].map((line, i) => (i === 0 ? line : `      ${line}`));
}

function describeFailure({ what, index, expected, actual, error, bound, count }: Failure): string[] {
  return [
    `${what} [${index.join(', ')}]: expected ${expected}, actual ${actual}`,
    `error ${error.toExponential(3)}, bound ${bound.toExponential(3)}; ${count} beyond their bounds`,
  ];
}

function formatFraction(fraction: number): string {
  if (fraction === 0) return 'exact';
  return fraction >= 1e4 || fraction < 1e-3 ? fraction.toExponential(1) : fraction.toFixed(3);
}

/** The first and the last column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, c) =>
        c === 0 || c === row.length - 1 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!),
      )
      .join('  ')
      .trimEnd(),
  );
}
