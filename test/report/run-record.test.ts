import { describe, expect, it } from 'vitest';
import { parseLog, stepsInAll, stepsPerEpoch } from '../../src/report/run-record.ts';
import { CONFIG, exampleRun, knnLines, runLine, stepLine } from './example-run.ts';

describe('parseLog', () => {
  it('reads a log that is being written, and one that was resumed', () => {
    const lines = [
      runLine({ ...CONFIG, epochs: 1 }),
      ...knnLines(0, 10),
      stepLine(1),
      stepLine(2),
      runLine(),
      stepLine(2).replace('"loss":4.5', '"loss":7'),
      stepLine(3),
      ...knnLines(1, 30),
      '{"type":"probe","epoch":1,"top1":40,"top5":90}',
      '{"type":"step","step":4,"epo', // not whole yet
    ];
    const { config, starts, steps, measured, backend } = parseLog(lines.join('\n'));
    expect([config.epochs, starts, backend]).toEqual([2, 2, 'wasm']);
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual([
      [1, 5],
      [2, 7],
      [3, 4 + 1 / 3],
    ]);
    expect(measured).toEqual([
      { what: 'knn backbone', step: 0, values: { top1: 10 } },
      { what: 'knn head', step: 0, values: { top1: 10 } },
      { what: 'knn backbone', step: 3, values: { top1: 30 } },
      { what: 'knn head', step: 3, values: { top1: 30 } },
      { what: 'probe', step: 3, values: { top1: 40, top5: 90 } },
    ]);
  });

  it('takes what is no log for an empty one', () => {
    for (const text of ['', 'hello\n[1]\nnull\n7', '{"type":"step"}', '{"type":"run","config":7}']) {
      const { steps, measured } = parseLog(text);
      expect([steps, measured]).toEqual([[], []]);
    }
  });
});

it('knows how long a run is by its data, else by its log, else not', () => {
  const run = exampleRun(7);
  expect([stepsPerEpoch(run), stepsInAll(run)]).toEqual([5, 10]);
  expect([stepsPerEpoch({ ...run, data: null }), stepsInAll({ ...run, data: null })]).toEqual([5, 10]);
  const young = { ...exampleRun(3), data: null };
  expect([stepsPerEpoch(young), stepsInAll(young)]).toEqual([null, null]);
  expect(stepsInAll({ ...young, config: { ...CONFIG, steps: 4 } })).toBe(4);
});
