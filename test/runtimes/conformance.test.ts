/**
 * The conformance suite of the built package: by the command in Node and Deno, in the page of examples/ in browsers. On
 * WebGPU in Node test/gpu/bounds.test.ts runs all of it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import type { ConformanceCounts, KernelSummary } from '../../src/conformance/report.ts';
import { KERNELS } from '../../src/kernels/registry.ts';
import { openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { closeBrowsers, openPageIn, type Runtime, runDeno, SWIFTSHADER } from './runtimes.ts';

interface Report {
  counts: ConformanceCounts;
  kernels: KernelSummary[];
}

const COMMAND = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const table: string[] = [];

afterAll(async () => {
  await closeBrowsers();
  console.log(['', ...table, ''].join('\n'));
});

async function inProcess(runtime: Runtime, backend: string): Promise<Report> {
  const args = [COMMAND, 'doctor', '--kernels', '--backend', backend, '--json'];
  const env = { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? SWIFTSHADER };
  if (runtime === 'deno') return JSON.parse(await runDeno(['run', '-A', '--unstable-webgpu', ...args], env));
  const options = { env: { ...process.env, ...env }, maxBuffer: 2 ** 24 };
  return JSON.parse((await promisify(execFile)(process.execPath, args, options)).stdout);
}

/** Served as it lies beside dist/, by a server that gives no COOP and COEP headers. */
async function inPage(backend: string): Promise<Report> {
  const { page, server, errors } = await openPage('examples/conformance.html', false);
  try {
    const outcome = await page.evaluate(
      (given) => (globalThis as unknown as { run(o: unknown): Promise<Report> }).run(given),
      { backend },
    );
    expect(errors).toEqual([]);
    const shown = await page.locator('tbody tr').count();
    expect(shown).toBe(outcome.kernels.length);
    expect(await page.locator('#state').textContent()).toMatch(/^\d+ ok, 0 FAIL, \d+ skipped$/);
    if (backend === 'webgpu') expect(await page.locator('#adapter').textContent()).toMatch(/swiftshader/i);
    const folder = process.env.MOCO_SCREENSHOTS;
    if (folder) await page.screenshot({ path: join(folder, `conformance-${backend}.png`), fullPage: true });
    return outcome;
  } finally {
    await page.close();
    server.close();
  }
}

async function inFirefox(): Promise<Report> {
  const { page, errors } = await openPageIn('firefox', 'examples/conformance.html');
  const report = (await page.evaluate(`run({ backend: 'wasm' })`)) as Report;
  expect(errors).toEqual([]);
  return report;
}

await inRuntimes(['node', 'deno', 'chromium', 'firefox'], (runtime) => {
  // On WebGPU in Deno `deno run … dist/cli.js doctor --kernels` takes a minute; CI has recorded cases there.
  const backends = runtime === 'chromium' ? ['wasm', 'webgpu'] : ['wasm'];
  it.each(backends)('every kernel is right on %s', async (backend) => {
    const start = Date.now();
    const { counts, kernels } = await (runtime === 'firefox'
      ? inFirefox()
      : runtime === 'chromium'
        ? inPage(backend)
        : inProcess(runtime, backend));
    const seconds = ((Date.now() - start) / 1000).toFixed(0).padStart(4);
    const worst = kernels.map(({ kernel, worst }) => `${kernel} ${worst?.toPrecision(2)}`).join(', ');
    table.push(`${runtime.padEnd(9)} ${backend.padEnd(7)} ${seconds} s  ${JSON.stringify(counts)}  ${worst}`);
    expect(counts.FAIL).toBe(0);
    expect(kernels).toHaveLength(Object.keys(KERNELS).length);
    // One takes long, and is left out of slow runs.
    expect(counts.skipped).toBeLessThanOrEqual(1);
    expect(counts.ok).toBeGreaterThan(250);
  });
});
