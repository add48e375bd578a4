/** A report as browsers show it: curves are drawn, nothing is asked for, and no text of others becomes a script. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { encodeJpeg } from '../../src/data/pictures/encode-jpeg.ts';
import { reportHtml } from '../../src/report/report.ts';
import { exampleRun } from '../report/example-run.ts';
import { closeChromium, openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

const folder = await mkdtemp(join(tmpdir(), 'moco-web-report-'));
afterAll(async () => {
  await closeChromium();
  await rm(folder, { recursive: true });
});

await inRuntimes(['chromium'], () => {
  it('draws, and does nothing else', async () => {
    const sprite = await encodeJpeg({ width: 48, height: 24, data: new Uint8Array(48 * 24 * 3) }, 60);
    const hostile =
      '<script>globalThis.caught = 1</script><img src="/asked" onerror="globalThis.caught = 1">';
    const run = exampleRun(500, {
      name: hostile,
      neighbors: sprite,
      map: {
        ...{
          title: hostile,
          points: Float32Array.of(0.5, 0.5, 1, 0),
          labels: [1, 0],
          classes: ['a', hostile],
        },
        ...{ sprite, columns: 2, tile: 24 },
      },
    });
    await writeFile(join(folder, 'index.html'), await reportHtml([run, exampleRun(9, { name: 'b' })], 'now'));
    const { page, server, errors } = await openPage('index.html', false, folder);
    try {
      const asked: string[] = [];
      const said: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      page.on('console', (message) => said.push(message.text()));
      await page.reload();
      const figures = await page.locator('figure .chart').count();
      expect(await page.locator('figure .chart .uplot').count()).toBe(figures);
      expect(figures).toBe(7);
      // Pixels of the first curve, and after it is hidden none.
      const drawn = () =>
        page.evaluate(() => {
          const canvas = document.querySelector<HTMLCanvasElement>('#chart-2 canvas')!;
          // uPlot draws when all else is done.
          if (canvas.height === 0) return 0;
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4)
            if (data[i] === 0x0b && data[i + 1] === 0x6b && data[i + 2] === 0x6b) count++;
          return count;
        });
      await expect.poll(drawn).toBeGreaterThan(100);
      await page.locator('button[data-run]').first().click();
      await expect.poll(drawn).toBe(0);
      await page.locator('input[value=epoch]').check();
      await page.locator('.map > canvas').hover();
      expect(await page.locator('.map-card span').textContent()).toBe(hostile);
      expect(await page.evaluate(() => 'caught' in globalThis)).toBe(false);
      expect({ asked: asked.filter((path) => path.startsWith('/')), said, errors }).toEqual({
        asked: ['/index.html'],
        said: [],
        errors: [],
      });
    } finally {
      await page.close();
      server.close();
    }
  });
});
