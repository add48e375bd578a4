/** The bench page in Chromium, at small shapes on the processor: figures, and a link that shows them again. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { axeFindings, NONE, openWeb, PATIENCE, pictures, type Served, serveWeb } from './web-page.ts';

let served: Served;
beforeAll(async () => {
  served = await serveWeb();
});
afterAll(async () => {
  await closeChromium();
  served.server.close();
});

await inRuntimes(['chromium'], () => {
  it('measures, asks no other host, and gives a link that holds the figures', async () => {
    const { page, complaints } = await openWeb({ ...served, address: `${served.address}bench.html` });
    await page.getByLabel('Measure').selectOption('wasm');
    await page.getByLabel('Size').selectOption('r18');
    await page.getByText('That is long').waitFor(PATIENCE);
    await page.getByLabel('Size').selectOption('small');
    await page.getByRole('button', { name: 'Measure this machine' }).click();
    const link = page.getByRole('link', { name: 'Open the link' });
    await link.waitFor(PATIENCE);
    const region = async (name: string) => (await page.getByRole('region', { name }).textContent())!;
    expect(await region('Machine')).toMatch(/checks, processor\d+ passed, 0 failed/);
    expect(await region('InfoNCE')).toMatch(/one coreN=32 C=64 K=4096[\d.]+/);
    // Forward and both gradients, by graphs and by our kernels.
    expect(await region('Convolutions, Processor')).toMatch(
      /2×8→16, 16 px, 3×3\/21[\d.]+([\d.,]+ \((< )?[\d.]+ %\)){6}/,
    );
    expect(await region('Training')).toMatch(/Processor[\d.,]+/);
    const all = page.locator('.bench');
    expect(await all.textContent()).toMatch(/resnet18, width 4, 16 px, batch 16 in 2 groups/);
    expect(await all.textContent()).toMatch(/on the processor alone: nothing to hold them against/);
    expect(await axeFindings(page)).toEqual([]);
    await pictures(page, 'bench');
    const shown = await all.textContent();
    await link.click();
    await page.getByText('Measured on another visit').waitFor(PATIENCE);
    expect(await all.textContent()).toBe(shown);
    await page.goto(`${served.address}bench.html#figures=AAAA`);
    await page.getByText('This link holds no figures.').waitFor();
    const elsewhere = complaints.elsewhere.filter((url) => !url.startsWith(served.address));
    expect({ ...complaints, elsewhere }).toEqual(NONE);
    await page.close();
  });

  it('stops, keeps what there is, and says what was not run', async () => {
    const { page } = await openWeb({ ...served, address: `${served.address}bench.html` });
    await page.getByLabel('Measure').selectOption('wasm');
    await page.getByLabel('Size').selectOption('r50');
    await page.getByRole('button', { name: 'Measure this machine' }).click();
    await page.getByText('checks, processor').waitFor(PATIENCE);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Not run on the processor: losses (stopped)').waitFor(PATIENCE);
    await page.getByText('Stopped. What was measured by then:').waitFor(PATIENCE);
    await page.close();
  });
});
