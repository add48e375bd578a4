/** The same page made by a bundler, which renames and splits files: the built package survives that. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeChromium, openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { runIn, runInPage } from './runtimes.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moco-web-vite-'));
  await build({
    root: fileURLToPath(new URL('./page/', import.meta.url)),
    configFile: false,
    logLevel: 'warn',
    build: { outDir: folder, emptyOutDir: true, target: 'es2022' },
  });
});
afterAll(async () => {
  await closeChromium();
  await rm(folder, { recursive: true, force: true });
});

await inRuntimes(['chromium'], () => {
  it.each([true, false])(
    'trains in a page bundled by Vite as in Node, on its own thread: %s',
    async (ownThread) => {
      const options = { backend: 'wasm', workers: 2, ownThread } as const;
      // Nothing lies where it does in dist/.
      expect(await readdir(folder)).toEqual(['assets', 'index.html']);
      const open = await openPage('index.html', false, folder);
      const { losses } = await runInPage(open, options);
      open.server.close();
      expect(losses).toEqual((await runIn('node', options)).losses);
    },
  );
});
