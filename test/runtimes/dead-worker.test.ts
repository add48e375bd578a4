/** A worker that dies is an error of its pool in every runtime, and takes nothing else down. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeChromium, openPage } from './chromium.ts';
import { inEveryRuntime } from './in-every-runtime.ts';
import { runDeno } from './runtimes.ts';

const run = promisify(execFile);
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moco-web-dead-worker-'));
  await build({
    entryPoints: ['program', 'crash-worker'].map((name) =>
      fileURLToPath(new URL(`./dead-worker/${name}.ts`, import.meta.url)),
    ),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module'],
  });
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
});
afterAll(async () => {
  await closeChromium();
  await rm(folder, { recursive: true, force: true });
});

await inEveryRuntime((runtime) => {
  it('a worker that dies rejects what is pending', async () => {
    const program = join(folder, 'program.mjs');
    let deaths: Record<string, string>;
    if (runtime === 'node') deaths = JSON.parse((await run(process.execPath, [program])).stdout);
    else if (runtime === 'deno') deaths = JSON.parse(await runDeno(['run', '-A', program]));
    else {
      const { page, server } = await openPage('index.html', runtime === 'chromium isolated', folder);
      // As text: vitest rewrites the imports of its own files.
      deaths = await page.evaluate("import('/program.mjs').then(({ deaths }) => deaths())");
      server.close();
    }
    expect(deaths.crash).toMatch(/^worker-died: worker crash-worker\.mjs died: .*it fell over/);
    expect(deaths.rejection).toMatch(/^worker-died: .*nobody saw it/);
    expect(deaths.missing).toMatch(/^worker-died: worker no-such-worker\.mjs died: /);
    expect(deaths.disposed).toMatch(/^worker-died: /);
  });
});
