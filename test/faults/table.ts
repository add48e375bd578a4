/** Prints, when all has run, which fault had which outcome: the names of the tests are the table. */
import type { Reporter, TestCase } from 'vitest/node';

const STATES = { passed: 'ok', failed: 'FAIL', skipped: '–', pending: '–' };

export default class FaultTable implements Reporter {
  readonly #rows: string[][] = [];

  onTestCaseResult(test: TestCase): void {
    // What was not run says so in its name.
    const [outcome = '', fault = ''] = test.name.split(' → ').toReversed();
    this.#rows.push([STATES[test.result().state], fault, outcome]);
  }

  onTestRunEnd(): void {
    const rows = [['', 'fault', 'outcome'], ...this.#rows];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const [state = '', fault = '', outcome = ''] of rows) {
      console.log(`${state.padEnd(widths[0]!)}  ${fault.padEnd(widths[1]!)}  ${outcome}`);
    }
  }
}
