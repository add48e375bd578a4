/** Reports of runs by their events: what the page writes and what the command writes of the same run's log is the same text. */
import { expect, test } from 'vitest';
import { type ReportRun, reportPage } from '../../src/page/report.ts';
import { reportHtml } from '../../src/report/report.ts';
import { parseLog } from '../../src/report/run-record.ts';
import type { PretrainEvent } from '../../src/train/events.ts';
import { knnLines, runLine, stepLine } from '../report/example-run.ts';

const LINES = [runLine(), ...knnLines(0, 10), stepLine(1), stepLine(2), ...knnLines(1, 40)];
const data = { kind: 'files', path: null, images: 64, classes: ['a', 'b'] };

test('events tell what the log tells, and what a log leaves out changes nothing', async () => {
  const events = LINES.map((line) => JSON.parse(line) as PretrainEvent);
  const more: PretrainEvent[] = [
    { type: 'notice', message: 'hello' },
    { type: 'checkpoint', step: 2, path: 'runs/page/step-000002' },
  ];
  const run: ReportRun = { name: '<b>mine</b>', events: [...events, ...more], data };
  const record = { ...parseLog(LINES.join('\n')), name: run.name, data, neighbors: null, map: null };
  const text = await reportPage([run], 'today');
  expect(text).toBe(await reportHtml([record], 'today'));
  expect(text).not.toContain('<b>mine');
});

test('no run is no report', async () => {
  await expect(reportPage([])).rejects.toMatchObject({ code: 'usage' });
});
