/** Prints, when all has run, what fuzzed inputs of each kind came to. */
import type { Reporter, TestCase } from 'vitest/node';
import type { FuzzOutcome } from './harness.ts';

export default class FuzzTable implements Reporter {
  readonly #rows: FuzzOutcome[] = [];

  onTestCaseResult(test: TestCase): void {
    const { fuzz } = test.meta();
    if (fuzz) this.#rows.push(fuzz);
  }

  onTestRunEnd(): void {
    const cells = this.#rows
      .toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
      .map(({ kind, seed, cases, outcomes: { read = 0, ...refused }, failures, slowest }) => [
        kind,
        String(seed),
        String(cases),
        String(read),
        Object.entries(refused)
          .sort(([, a], [, b]) => b - a)
          .map(([code, count]) => `${count} ${code}`)
          .join(', ') || '–',
        String(failures.length),
        `${Math.round(slowest)} ms`,
      ]);
    const all = this.#rows.reduce((sum, { cases }) => sum + cases, 0);
    const head = ['kind', 'seed', 'inputs', 'read', 'refused', 'failed', 'slowest'];
    const rows = [head, head.map(() => '---'), ...cells];
    const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const row of rows) {
      console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
    }
    console.log(`${all} inputs in all`);
  }
}
