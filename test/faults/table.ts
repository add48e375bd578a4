/** Prints, when all has run, which fault had which outcome: the names of the tests are the table. */
import type { Reporter, TestCase } from 'vitest/node';

export default class FaultTable implements Reporter {
  readonly #rows: string[][] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'skipped') return;
    const [fault = '', outcome = ''] = test.name.split(' → ');
    this.#rows.push([test.result().state === 'passed' ? 'ok' : 'FAIL', fault, outcome]);
  }

  onTestRunEnd(): void {
    const rows = [['', 'fault', 'outcome'], ...this.#rows];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const [state = '', fault = '', outcome = ''] of rows) {
      console.log(`${state.padEnd(widths[0]!)}  ${fault.padEnd(widths[1]!)}  ${outcome}`);
    }
  }
}
