/** The bench page in Chromium, at small shapes on the processor: figures, and a link that shows them again. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { NONE, openWeb, PATIENCE, type Served, serveWeb } from './web-page.ts';

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
    await page.getByLabel('Size').selectOption('small');
    await page.getByRole('button', { name: 'Measure this machine' }).click();
    const link = page.getByRole('link', { name: 'Open the link' });
    await link.waitFor(PATIENCE);
    const figures = page.getByRole('region', { name: 'Figures' });
    const shown = (await figures.textContent())!;
    expect(shown).toMatch(/processor\d+ passed, 0 failed/);
    expect(shown).toMatch(/N=32 C=64 K=4096: [\d.]+ ms/);
    expect(shown).toMatch(/resnet18, width 4, 16 px, batch 16: [\d.]+ images\/s/);
    await link.click();
    await page.getByText('Measured on another visit').waitFor();
    expect(await figures.textContent()).toBe(shown);
    await page.goto(`${served.address}bench.html#figures=AAAA`);
    await page.getByText('This link holds no figures.').waitFor();
    const elsewhere = complaints.elsewhere.filter((url) => !url.startsWith(served.address));
    expect({ ...complaints, elsewhere }).toEqual(NONE);
    await page.close();
  });
});
