import type { CaseResult } from './run-golden.ts';

/** Columns of the report: the longest case name of the golden set has 34 letters. */
const NAME_WIDTH = 36;
/** How many failed tensors of a case are shown in full. */
const SHOWN_TENSORS = 3;

/** Worst error as a fraction of tolerance, name of the tensor, verdict: one aligned line, and what is wrong below it. */
export function formatResult(result: CaseResult): string {
  const { name, status, fraction, tensor, reason } = result;
  const number = fraction === null ? '–' : formatFraction(fraction);
  const about = [tensor, reason].filter((part) => part !== null).join(': ');
  const line = `${name.padEnd(NAME_WIDTH)} ${number.padStart(9)}  ${status.padEnd(11)}  ${about}`.trimEnd();
  return [line, ...formatFailures(result)].join('\n');
}

function formatFraction(fraction: number): string {
  if (fraction === 0) return '0';
  return fraction >= 1e5 || fraction < 1e-4 ? fraction.toExponential(2) : fraction.toPrecision(4);
}

function formatFailures({ failures }: CaseResult): string[] {
  const lines: string[] = [];
  for (const [tensor, { reason, failures: count, worst }] of [...failures].slice(0, SHOWN_TENSORS)) {
    if (reason) {
      lines.push(`    ${tensor} ${reason}`);
      continue;
    }
    const rows = worst.map((d) => [
      `[${d.index.join(',')}]`,
      d.expected.toPrecision(9),
      d.actual.toPrecision(9),
      formatFraction(d.fraction),
    ]);
    lines.push(`    ${tensor}: ${count} beyond tolerance`);
    lines.push(...table([['index', 'expected', 'actual', 'error/tolerance'], ...rows]));
  }
  const more = failures.size - SHOWN_TENSORS;
  if (more > 0) lines.push(`    … and ${more} more tensors`);
  return lines;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `      ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')}`);
}

export type Counts = Record<CaseResult['status'], number>;

export function countResults(results: readonly CaseResult[]): Counts {
  const counts: Counts = { ok: 0, FAIL: 0, unsupported: 0, written: 0, ungraded: 0 };
  for (const { status } of results) counts[status]++;
  return counts;
}

/** The last line: `62 ok, 0 FAIL, 4 unsupported`, with written and ungraded where there are any. */
export function formatCounts(counts: Counts): string {
  const always = `${counts.ok} ok, ${counts.FAIL} FAIL, ${counts.unsupported} unsupported`;
  const sometimes = [
    ...(counts.written > 0 ? [`${counts.written} written`] : []),
    ...(counts.ungraded > 0 ? [`${counts.ungraded} ungraded`] : []),
  ];
  return [always, ...sometimes].join(', ');
}

/** For programs. Infinity is not JSON: it becomes null, and the status says FAIL. */
export function resultsAsJson(backend: string, results: readonly CaseResult[]): string {
  const cases = results.map(({ name, status, fraction, tensor, reason }) => ({
    name,
    status,
    fraction,
    tensor,
    reason,
  }));
  return JSON.stringify({ backend, counts: countResults(results), cases });
}
