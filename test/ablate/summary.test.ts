import { describe, expect, it } from 'vitest';
import { ablationCsv, markdownOf } from '../../src/ablate/markdown.ts';
import { ablationPage } from '../../src/ablate/page.ts';
import { parseResult, type RowResult } from '../../src/ablate/result.ts';
import { compare, spreadOf, summarize } from '../../src/ablate/summary.ts';
import type { Table } from '../../src/ablate/table.ts';
import { TABLES } from '../../src/ablate/tables.ts';
import { conclusions } from '../../src/ablate/words.ts';
import { exampleRun } from '../report/example-run.ts';

const row = (id: string, top1: number | null) => ({
  ...{ id, title: `row ${id}`, method: 'moco' as const, options: () => [] },
  paper: top1 === null ? null : { top1, setting: '200 epochs' },
});
const TABLE: Table = {
  ...{ name: '1', title: 'Title', says: 'Says.', measures: 'accuracy' },
  rows: [row('a', 60), row('b', 66), row('c', null), row('d', 67)],
};

function result(of: string, seed: number, top1: number | null, more: Partial<RowResult> = {}): RowResult {
  return {
    ...{
      row: of,
      seed,
      options: [],
      status: 'done',
      reason: null,
      knn: top1 === null ? null : top1 - 5,
      top1,
    },
    ...{
      linearEpochs: 10,
      steps: 10,
      stepsPerEpoch: 5,
      secondsPerEpoch: 2,
      peakBytes: null,
      activationBytes: null,
    },
    ...more,
  };
}

/** a: 40, 42, 44; b: always 3 above it, give or take 0.1; d: 5, −5, 1 above it. */
const RESULTS = [40, 42, 44].flatMap((value, seed) => [
  result('a', seed, value),
  result('b', seed, value + [3, 3.1, 2.9][seed]!),
  result('d', seed, value + [5, -5, 1][seed]!),
]);

const FACTS = {
  ...{ table: TABLE, data: '80 images', scale: ['--width', '4'], seeds: 3, linearEpochs: 10, written: 'now' },
};

const verdicts = (results: readonly RowResult[], metric: 'top1' | 'knn' = 'top1') =>
  compare(summarize(TABLE, results), metric).map(
    ({ above, below, verdict }) => `${above.id} > ${below.id}: ${verdict}`,
  );

describe('the spread', () => {
  it('is that of a sample', () => {
    expect(
      spreadOf(
        [40, 42, 44].map((value, seed) => result('a', seed, value)),
        'top1',
      ),
    ).toEqual({
      ...{ mean: 42, deviation: 2 },
      values: new Map([
        [0, 40],
        [1, 42],
        [2, 44],
      ]),
    });
    expect(spreadOf([result('a', 1, 40)], 'top1')?.deviation).toBe(null);
    expect(spreadOf([result('a', 1, null)], 'top1')).toBe(null);
  });
});

describe('an ordering', () => {
  it('is claimed by paired differences beyond their spread, however far seeds lie apart', () => {
    // b − a: 3 ± 0.1 though a alone spreads by 2. d − a and d − b: 1/3 and −2.7 ± 5.
    expect(verdicts(RESULTS)).toEqual([
      'd > a: within the spread',
      'b > a: agrees',
      'd > b: within the spread',
    ]);
    const [, pair] = compare(summarize(TABLE, RESULTS), 'top1');
    expect(pair).toMatchObject({ paper: 6, ours: { seeds: 3 } });
    expect(pair?.ours?.mean).toBeCloseTo(3, 10);
    // t(0.975, 2) · 0.1 / √3
    expect(pair?.threshold).toBeCloseTo((4.303 * 0.1) / Math.sqrt(3), 10);
  });

  it('is contradicted in the same way', () => {
    const turned = RESULTS.map((entry) =>
      entry.row === 'b' ? { ...entry, top1: entry.top1! - 6, knn: entry.knn! - 6 } : entry,
    );
    expect(verdicts(turned)).toContain('b > a: contradicts');
    expect(verdicts(turned, 'knn')).toContain('b > a: contradicts');
    expect(conclusions(summarize(TABLE, turned))[1]).toBe(
      'Contradicts the paper beyond the spread of seeds: row b above row a (top-1); row b above row a (kNN).',
    );
  });

  it('needs three seeds that both rows have', () => {
    for (const seeds of [1, 2]) {
      expect(verdicts(RESULTS.filter(({ seed }) => seed < seeds))).toEqual([
        'd > a: too few seeds',
        'b > a: too few seeds',
        'd > b: too few seeds',
      ]);
    }
    const apart = [result('a', 0, 40), result('b', 1, 60), result('b', 2, 61)];
    expect(verdicts(apart)).toEqual(['d > a: not run', 'b > a: not run', 'd > b: not run']);
    expect(conclusions(summarize(TABLE, apart))).toEqual([
      'No two rows have 3 seeds in common yet: nothing is claimed.',
    ]);
  });
});

it('the conclusions name what is claimed, and count the rest', () => {
  expect(conclusions(summarize(TABLE, RESULTS))).toEqual([
    'Agrees with the paper beyond the spread of seeds: row b above row a (top-1); row b above row a (kNN).',
    'Contradicts the paper beyond the spread of seeds: nothing.',
    'Not told apart, noise could explain it: 4 of 6 comparisons; the table says which.',
  ]);
});

describe('reports', () => {
  const failed = [
    result('a', 0, 40),
    result('a', 1, null, { status: 'failed', reason: 'the disk | is <full>' }),
    result('b', 0, null, { status: 'does not fit', reason: 'it takes 93 GB' }),
  ];

  it('say what was not reached, what failed, and whose numbers are whose', () => {
    const lines = markdownOf(FACTS, summarize(TABLE, failed)).split('\n');
    expect(lines).toContain(
      '| row a | 40.00 (1 seed) | 35.00 (1 seed) | 60.0 | 200 epochs | 1 seeds failed |',
    );
    expect(lines).toContain('| row b |  |  | 66.0 | 200 epochs | does not fit: it takes 93 GB |');
    expect(lines).toContain('| row d |  |  | 67.0 | 200 epochs | not run |');
    expect(lines.join('\n')).toContain('ResNet-50 on ImageNet');
    const one = markdownOf(FACTS, summarize(TABLE, failed.slice(1, 2)));
    expect(one).toContain('failed: the disk \\| is \\<full\\>');
  });

  it('give a line a run as CSV', () => {
    const lines = ablationCsv(summarize(TABLE, failed)).split('\r\n');
    expect(lines[0]).toMatch(/^row,seed,status,top1,knn,.*,reason,paperTop1$/);
    expect(lines[1]).toBe('a,0,done,40,35,10,10,5,2,,,,60');
    expect(lines[2]).toMatch(/^a,1,failed,,,.*,the disk \| is <full>,60$/);
    expect(lines.slice(4, 6)).toEqual(['c,,not run,,,,,,,,,,', 'd,,not run,,,,,,,,,,67']);
  });

  it('draw rows in one color each, and nothing that a name could smuggle in', async () => {
    const hostile = '<script>alert(1)</script>';
    const table = { ...TABLE, rows: [{ ...row('a', 60), title: hostile }, row('b', 66)] };
    const runs = ['a', 'b', 'a'].map((id, i) => ({ row: id, run: exampleRun(3, { name: `${id}-${i}` }) }));
    const page = await ablationPage({ ...FACTS, table, data: hostile }, summarize(table, RESULTS), runs);
    expect(page.match(/<script/g)).toHaveLength(2);
    const data = JSON.parse(/id="data">(.*)<\/script>/.exec(page)![1]!);
    expect(data.runs.map(({ name }: { name: string }) => name)).toEqual([hostile, 'row b']);
    expect(data.charts['chart-0'].lines.map(({ run }: { run: number }) => run)).toEqual([0, 1, 0]);
    // Three seeds and the paper's.
    expect(page.match(/class="dot"/g)!.length).toBe(2 * 2 * 3);
    expect(page.match(/class="paper"/g)).toHaveLength(2);
    const empty = await ablationPage(FACTS, summarize(TABLE, []), []);
    expect(empty).toContain('not run');
    expect(empty).not.toContain('<h2>Curves</h2>');
  });
});

it('the tables have the numbers of the papers, and ids that can be names of folders', () => {
  const of = (name: string) =>
    TABLES.find((table) => table.name === name)!.rows.map(({ title, paper }) => [title, paper?.top1]);
  expect(of('1')).toEqual([
    ['supervised', 76.5],
    ['MoCo v1', 60.6],
    ['+ MLP', 66.2],
    ['+ aug+', 63.4],
    ['+ MLP, aug+', 67.3],
    ['+ MLP, aug+, cos (MoCo v2)', 67.5],
  ]);
  expect(of('2').map(([, top1]) => top1)).toEqual([61.9, 66.6, 67.5, 69.3, 71.1]);
  expect(of('temperature').map(([, top1]) => top1)).toEqual([62.9, 64.9, 66.2, 65.7, 65, 64.3]);
  for (const { rows } of TABLES) {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const { id } of rows) expect(id).toMatch(/^[a-z0-9.-]+$/);
  }
});

it('reads no result from what is none', () => {
  const whole = JSON.stringify(result('a', 0, 40));
  expect(parseResult(whole)).toEqual(result('a', 0, 40));
  for (const text of ['', '{}', whole.slice(0, 50), whole.replace('"done"', '"well"')]) {
    expect(parseResult(text)).toBe(null);
  }
});
