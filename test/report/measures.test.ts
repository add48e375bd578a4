import { describe, expect, it } from 'vitest';
import { measuresOf, valuesOf } from '../../src/report/measures.ts';
import { endsOf, lastMean, secondsOf, summaryOf } from '../../src/report/summary.ts';
import { thin } from '../../src/report/thin.ts';
import { exampleRun } from './example-run.ts';

function levelsOf(key: string, config: object) {
  const run = { ...exampleRun(3), config: config as Readonly<Record<string, unknown>> };
  const { accuracies, steps } = measuresOf([run]);
  return [...accuracies, ...steps].find((measure) => measure.key === key)!.levels!(run);
}

describe('chance', () => {
  it.each([
    ['MoCo', { method: 'moco', queueSize: 4096, batchSize: 512 }, Math.log(4097), 'ln(K+1)'],
    ['SimCLR', { method: 'simclr', batchSize: 512 }, Math.log(1023), 'ln(2N−1)'],
    ['labels', { method: 'supervised', dim: 10 }, Math.log(10), 'ln(classes)'],
  ])('of the loss of %s', (_, config, value, formula) => {
    expect(levelsOf('loss', config)).toEqual([{ value, label: `chance, ${formula}` }]);
    const share = levelsOf('acc1', config)[0]?.value;
    expect(share).toBeCloseTo(100 / Math.exp(value), 10);
  });

  it('of other things', () => {
    expect(levelsOf('embeddingStd', { dim: 16 })).toEqual([{ value: 0.25, label: '1/√16' }]);
    expect(levelsOf('knn backbone top1', {})).toEqual([{ value: 50, label: 'chance, 1 of 2 classes' }]);
    expect(levelsOf('loss', { method: 'of the future' })).toEqual([]);
  });
});

it('shows what it does not know, after what it does', () => {
  const run = exampleRun(2);
  const steps = run.steps.map((line) => ({ ...line, novelty: 7 }));
  const measured = [...run.measured, { what: 'epoch', step: 2, values: { rankMe: 3, oddity: 1 } }];
  const found = measuresOf([run, { ...run, steps, measured }]);
  expect(found.accuracies.map(({ key }) => key)).toEqual(['knn backbone top1', 'knn head top1']);
  expect(found.others.map(({ title }) => title)).toEqual(['RankMe', 'novelty', 'epoch oddity']);
  expect(valuesOf({ ...run, steps, measured }, 'epoch oddity')).toEqual({ steps: [2], values: [1] });
});

describe('the numbers', () => {
  it('are of the last epoch, and of the first and last measurement', () => {
    const run = exampleRun(10);
    const mean = [6, 7, 8, 9, 10].reduce((sum, step) => sum + 4 + 1 / step, 0) / 5;
    expect(lastMean(run, 'loss')).toEqual({ value: expect.closeTo(mean, 12), over: 5 });
    expect(endsOf(run, 'knn head top1')).toEqual({ first: 12.5, last: 25 });
    // 16 images a step, 32 a second.
    expect(secondsOf(run)).toBe(5);
  });

  it('mark the best of several runs, where one is', () => {
    const [worse, better] = [exampleRun(4), exampleRun(4)];
    const measured = better.measured.map((entry) =>
      entry.step === 4 ? { ...entry, values: { top1: 26 } } : entry,
    );
    const row = (runs: Parameters<typeof summaryOf>[0]) =>
      summaryOf(runs).find(({ title }) => title === 'kNN, backbone, last');
    expect(row([worse, { ...better, measured }])).toMatchObject({ cells: ['25 %', '26 %'], best: 1 });
    expect(row([worse, worse])?.best).toBe(null);
    expect(row([worse])?.best).toBe(null);
  });
});

describe('thin', () => {
  const steps = Array.from({ length: 1003 }, (_, i) => i + 1);
  const values = steps.map((step) => Math.sin(step) + step / 100);

  it('leaves short curves as they are', () => {
    const { steps: kept, mean, range } = thin(steps.slice(0, 3), [0.123456789, 2, 3], 1);
    expect([kept, mean, range]).toEqual([[1, 2, 3], [0.12346, 2, 3], null]);
  });

  it('keeps means and extremes of long ones', () => {
    const curve = thin(steps, values, 10);
    expect(curve.steps).toEqual([...steps.filter((step) => step % 10 === 0), 1003]);
    const some = values.slice(470, 480);
    expect(curve.mean[47]).toBeCloseTo(some.reduce((sum, value) => sum + value, 0) / 10, 3);
    expect(curve.range!.low[47]).toBeCloseTo(Math.min(...some), 3);
    expect(curve.range!.high[47]).toBeCloseTo(Math.max(...some), 3);
    // The last point stands for three steps.
    expect(curve.mean[100]).toBeCloseTo((values[1000]! + values[1001]! + values[1002]!) / 3, 3);
  });
});
