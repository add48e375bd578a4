import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { DrawnData } from '../../../src/report/chart-spec.ts';
import { temporaryFolder } from '../../checkpoint/example.ts';
import { mocoWeb } from '../run-command.ts';
import { CIFAR_TEST, PRETRAIN, succeed } from './tiny-run.ts';

async function drawnBy(path: string): Promise<{ page: string; data: DrawnData }> {
  const page = await readFile(path, 'utf8');
  return { page, data: JSON.parse(/id="data">(.*)<\/script>/.exec(page)![1]!) };
}

describe('moco-web report', () => {
  it('is written at the end of a run, of several runs, with a map, and of a run that goes on', async () => {
    const folder = await temporaryFolder();
    const run = `${folder}/a`;
    const options = ['--steps', '6', '--knn-every', '1'];
    expect(await succeed([...PRETRAIN, ...options, '--out', run])).toMatch(/^report: .*\/a\/report\.html$/m);
    const own = await drawnBy(`${run}/report.html`);
    expect(own.page).toContain('<h1>MoCo v2, ResNet\u201118 on CIFAR\u201110</h1>');
    expect(own.page).toContain('6 steps (1.2 epochs), all that were asked for');
    expect(own.page).toContain('src="data:image/jpeg;base64,');
    const loss = Object.values(own.data.charts).find(({ title }) => title === 'Loss');
    expect(loss?.lines[0]?.steps).toEqual([1, 2, 3, 4, 5, 6]);

    // The second one has just begun: a log, whose last line is being written, and nothing else.
    const young = `${folder}/b`;
    await mkdir(young);
    const lines = (await readFile(`${run}/log.jsonl`, 'utf8')).split('\n').slice(0, 5);
    await writeFile(`${young}/log.jsonl`, lines.join('\n'));
    await appendFile(`${young}/log.jsonl`, '\n{"type":"step","st');
    const [out, csv] = [`${folder}/both.html`, `${folder}/both.csv`];
    expect(await succeed(['report', run, young, '--out', out, '--csv', csv])).toBe(
      `report: ${out}\ntable: ${csv}\n`,
    );
    const both = await drawnBy(out);
    expect(both.data.runs.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(both.data.charts['chart-0']?.lines.map(({ run: of }) => of)).toEqual([0, 1]);
    expect((await readFile(csv, 'utf8')).split('\r\n').map((line) => line.slice(0, 4))).toEqual([
      ...['run,', 'a,0,', 'a,1,', 'a,2,', 'a,3,', 'a,4,', 'a,5,', 'a,6,', 'b,0,', 'b,1,', 'b,2,', ''],
    ]);

    await succeed(['report', run, '--map', '--backend', 'wasm']);
    const mapped = await drawnBy(`${run}/report.html`);
    const map = mapped.data.maps['map-0'];
    expect(map?.points).toHaveLength(2 * CIFAR_TEST);
    expect(new Set(map?.labels).size).toBeGreaterThan(1);
    expect(mapped.page).toContain(`${CIFAR_TEST} images of the test split, by the backbone after step 6`);
    expect(mapped.page).toContain('airplane</button>');

    // Two runs of one name are told apart by their paths.
    await mkdir(`${folder}/other/a`, { recursive: true });
    await copyFile(`${run}/log.jsonl`, `${folder}/other/a/log.jsonl`);
    await succeed(['report', run, `${folder}/other/a`, '--out', out]);
    expect((await drawnBy(out)).data.runs.map(({ name }) => name)).toEqual([run, `${folder}/other/a`]);
    const { code, stderr } = await mocoWeb(['report', run, '--out', `${folder}/no/such/report.html`]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: cannot write .*\n$/)]);
  });
});
