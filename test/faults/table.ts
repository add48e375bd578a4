/** Prints, when all has run, which fault had which outcome: the names of the tests are the table. */
import type { Reporter, TestCase } from 'vitest/node';

const STATES = { passed: 'ok', failed: 'FAIL', skipped: '–', pending: '–' };

export default class FaultTable implements Reporter {
  /** By file: files run side by side. */
  readonly #rows = new Map<string, string[][]>();

  onTestCaseResult(test: TestCase): void {
    // What was not run says so in its name.
    const [outcome = '', fault = ''] = test.name.split(' → ').toReversed();
    const { moduleId } = test.module;
    const rows = this.#rows.get(moduleId) ?? [];
    rows.push([STATES[test.result().state], fault, outcome]);
    this.#rows.set(moduleId, rows);
  }

  onTestRunEnd(): void {
    const rows = [['', 'fault', 'outcome'], ...[...this.#rows.values()].flat()];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const [state = '', fault = '', outcome = ''] of rows) {
      console.log(`${state.padEnd(widths[0]!)}  ${fault.padEnd(widths[1]!)}  ${outcome}`);
    }
  }
}
