import { describe, expect, it } from 'vitest';
import type { DrawnData } from '../../src/report/chart-spec.ts';
import { csvOf } from '../../src/report/csv.ts';
import { escaped, html, json } from '../../src/report/html.ts';
import { reportHtml } from '../../src/report/report.ts';
import { CONFIG, exampleRun } from './example-run.ts';

const WRITTEN = '1 January 2026';
const ATTACK = `"'></script></style><img src=x onerror=alert(1)><script>alert(2)</script>`;

const dataOf = (page: string): DrawnData =>
  JSON.parse(/<script type="application\/json" id="data">(.*)<\/script>/.exec(page)![1]!);

describe('text from outside', () => {
  it('is escaped', () => {
    expect(html`<b>${ATTACK}</b>${[html`<i>${1}</i>`, ' & ']}${null}`.text).toBe(
      '<b>&quot;&#39;&gt;&lt;/script&gt;&lt;/style&gt;&lt;img src=x onerror=alert(1)&gt;' +
        '&lt;script&gt;alert(2)&lt;/script&gt;</b><i>1</i> &amp; ',
    );
    expect(escaped('a\u0000b\u202ec\ud800d\te')).toBe('a\ufffdb\ufffdc\ufffdd\te');
    expect(JSON.parse(json({ text: ATTACK }).text)).toEqual({ text: ATTACK });
    expect(json({ text: ATTACK }).text).not.toContain('<');
  });

  it('makes no element of a report, wherever it stands', async () => {
    const run = exampleRun(12, {
      name: ATTACK,
      config: { ...CONFIG, arch: ATTACK, preset: ATTACK, [ATTACK]: ATTACK },
      versions: { [ATTACK]: ATTACK },
      backend: ATTACK,
      adapter: ATTACK,
      data: { kind: ATTACK, path: ATTACK, images: 80, classes: [ATTACK, 'b'] },
      measured: [{ what: ATTACK, step: 3, values: { [ATTACK]: 1 } }],
      map: {
        ...{
          title: ATTACK,
          points: Float32Array.of(0, 0.5, 1, 0.25),
          labels: [0, 1],
          classes: [ATTACK, 'b'],
        },
        ...{ sprite: Uint8Array.of(1, 2, 3), columns: 2, tile: 24 },
      },
    });
    for (const runs of [[run], [run, { ...run, name: 'other' }]]) {
      const page = await reportHtml(runs, WRITTEN);
      expect(page.match(/<script/g)).toHaveLength(2);
      expect(page.match(/<img/g)).toHaveLength(runs.length);
      expect(page).not.toContain('<img src=x');
      expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
      expect(dataOf(page).runs[0]!.name).toBe(ATTACK);
      expect(dataOf(page).maps['map-0']).toMatchObject({
        points: [0, 500, 1000, 250],
        classes: [ATTACK, 'b'],
      });
    }
  });
});

describe('a report', () => {
  it('says what was trained on what, and how it went', async () => {
    const page = await reportHtml([exampleRun(7)], WRITTEN);
    for (const text of [
      'MoCo (CIFAR), ResNet\u201118 on drawn images',
      'Learned from 80 images of 2 classes',
      '7 of 10 steps (1.4 epochs) were done when this was written',
      'Computed on wasm, moco-web 0.1.0',
      'untrained 12.5 %, chance 50 %',
      'among 65; chance 1.54 %',
      'chance 4.174', // ln 65
      `Written ${WRITTEN}`,
      '--accent: #0b6b6b',
      'uplot 1.6', // with its license
    ]) {
      expect(page).toContain(text);
    }
    // Nothing in it asks for anything.
    expect(page.replaceAll(/\/\*.*?\*\//gs, '')).not.toMatch(/(src|href)="(?!data:)|url\(|@import/);
  });

  it('marks the settings in which runs differ, and no others', async () => {
    const other = { ...CONFIG, temperature: 0.5 };
    const page = await reportHtml([exampleRun(3), exampleRun(3, { name: 'b', config: other })], WRITTEN);
    const marked = [...page.matchAll(/<tr class="differs"><th scope="row">(\w+)/g)].map(([, name]) => name);
    expect(marked).toEqual(['temperature']);
  });

  it('is written of a run that has not taken a step', async () => {
    const run = exampleRun(0, { data: null, measured: [], config: {}, versions: {}, backend: '' });
    const page = await reportHtml([run], WRITTEN);
    expect(page).toContain('images that are told of with the first checkpoint');
    expect(page).not.toMatch(/NaN|undefined|Infinity<|null</);
  });

  it('stays below a megabyte, and says what it leaves out', async () => {
    const long = exampleRun(50_000);
    const one = await reportHtml([long], WRITTEN);
    expect(one).toContain('the mean of up to 125 of\n50,000 steps');
    const many = await reportHtml(
      Array.from({ length: 18 }, (_, i) => ({ ...long, name: `run ${i}` })),
      WRITTEN,
    );
    for (const page of [one, many]) expect(page.length).toBeLessThan(1e6);
    expect(await reportHtml([exampleRun(400)], WRITTEN)).not.toContain('So that this file stays small');
  });
});

it('shows pictures as long as they are few', async () => {
  const [small, large] = [new Uint8Array(1000), new Uint8Array(500_000)];
  const page = (sizes: Uint8Array[]) =>
    reportHtml(
      sizes.map((neighbors) => exampleRun(1, { neighbors })),
      WRITTEN,
    );
  const all = await page([small, small]);
  expect(all.match(/src="data:image\/jpeg;base64,AAAA/g)).toHaveLength(2);
  expect(all).not.toContain('more runs');
  const some = await page([large, small, small]);
  expect(some.match(/src="data:image\/jpeg/g)).toHaveLength(1);
  expect(some).toContain('the pictures of 2 more runs');
});

it('the table has a row a step, with what was measured after it', () => {
  const run = exampleRun(2, { name: 'a "quoted", name' });
  const lines = csvOf([run, exampleRun(1, { name: 'b', measured: [] })]).split('\r\n');
  expect(lines).toEqual([
    'run,step,epoch,loss,acc1,acc5,lr,imagesPerSecond,embeddingStd,knnBackboneTop1,knnHeadTop1,testTop1,testTop5,probeTop1,probeTop5',
    '"a ""quoted"", name",0,,,,,,,,12.5,12.5,,,,',
    '"a ""quoted"", name",1,0,5,1,50,0.1,32,0.2,,,,,,',
    '"a ""quoted"", name",2,0,4.5,2,50,0.1,32,0.2,25,25,,,,',
    'b,1,0,5,1,50,0.1,32,0.2,,,,,,',
    '',
  ]);
});
