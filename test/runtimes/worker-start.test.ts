/** Where a page's workers come from, and what it hears of one that does not come. */
import type { Server } from 'node:http';
import { afterAll, expect, it } from 'vitest';
import { closeChromium, openAddress } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { type Answer, serve } from './server.ts';

const PAGE = '<!doctype html><title>blank</title>';
const ROOT = new URL('../..', import.meta.url).pathname;
const servers: Server[] = [];
afterAll(async () => {
  await closeChromium();
  for (const server of servers) server.close();
});

/** A blank page of a server that answers some addresses otherwise, and all that was asked of it. */
async function blankPage(
  other: Readonly<Record<string, { status?: number; type?: string; text?: string }>> = {},
) {
  const asked: string[] = [];
  const answer: Answer = async ({ pathname }, _request, response) => {
    asked.push(pathname);
    const found = pathname === '/blank.html' ? { type: 'text/html', text: PAGE } : other[pathname];
    if (!found) return false;
    response.writeHead(found.status ?? 200, { 'Content-Type': found.type ?? 'text/javascript' });
    response.end(found.text ?? '');
    return true;
  };
  const { base, server } = await serve(ROOT, false, { answer });
  servers.push(server);
  return { base, asked, page: await openAddress(`${base}/blank.html`) };
}

/** A job of a page, in words: `code: message` where it fails. */
const JOB = (before = '') => `import('/dist/index.js').then(async ({ loadCheckpoint, setAssetPaths }) => {
  ${before}
  return loadCheckpoint('nothing').catch((error) => error.code + ': ' + error.message);
})`;

const THREE_STEPS = `import('/dist/index.js').then(async (library) => {
  const { chooseBackend, describeDrawn, factsOf, pretrain, resolveConfig, setOnnxRuntime } = library;
  const refused = await import('/ort/ort.wasm.bundle.min.mjs').then((ort) => {
    try { setOnnxRuntime(ort); } catch (error) { return error.code; }
  });
  if (location.hash) setOnnxRuntime('/ort/ort.wasm.bundle.min.mjs');
  const data = await describeDrawn(32, 8, 16, 0);
  const options = { arch: 'resnet18', width: 2, dim: 8, batchSize: 16, groups: 2, queueSize: 32, steps: 3 };
  const config = resolveConfig('moco-v2', options, factsOf(data));
  const losses = [];
  let version;
  for await (const event of pretrain({ config, data, backend: await chooseBackend('wasm') })) {
    if (event.type === 'step') losses.push(event.loss);
    if (event.type === 'run') version = event.versions['onnxruntime-web'];
  }
  return { losses, refused, version };
})`;

await inRuntimes(['chromium'], () => {
  it('a worker script that is not there is an error with its address and what to do', async () => {
    const { page, base } = await blankPage({ '/dist/job-worker.js': { status: 404 } });
    const said = await page.evaluate(JOB());
    expect(said).toContain(
      `worker-died: worker job-worker.js died: it could not be loaded: ${base}/dist/job-worker.js`,
    );
    expect(said).toMatch(/answers 404 .*moco-web assets DIR.*setAssetPaths\(url\)/);
  });

  it('a page in its place, as hosts of single-page apps send one, is told as such', async () => {
    const { page } = await blankPage({ '/dist/job-worker.js': { type: 'text/html', text: PAGE } });
    expect(await page.evaluate(JOB())).toMatch(/^worker-died: .*job-worker\.js is text\/html, no script: /);
  });

  it('setAssetPaths: workers come from there, of another origin too, and none from beside the script', async () => {
    const cors = { 'Access-Control-Allow-Origin': '*' };
    const { page, asked } = await blankPage();
    const other: string[] = [];
    const { base, server } = await serve(ROOT, false, {
      answer: async ({ pathname }, _request, response) => {
        other.push(pathname);
        for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
        return false;
      },
    });
    servers.push(server);
    const said = await page.evaluate(JOB(`setAssetPaths('${base}/dist');`));
    expect(said).toMatch(/^data-missing: /);
    expect(other).toEqual(['/dist/job-worker.js']);
    expect(asked).not.toContain('/dist/job-worker.js');
    expect(await page.evaluate(JOB("setAssetPaths('/nowhere/');"))).toMatch(
      /\/nowhere\/job-worker\.js answers 404/,
    );
  });

  it('setOnnxRuntime: the address of one that the app has, in the place of ours; the same version gives the same bits', async () => {
    const { readFile } = await import('node:fs/promises');
    const folder = new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url);
    const [module, wasm] = ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'];
    const files = {
      [`/ort/${module}`]: { text: await readFile(new URL(module, folder), 'utf8') },
    };
    const run = async (hash: string) => {
      const { base, asked, page } = await blankPage(files);
      // The binary as it lies, which text is not.
      await page.route(`**/ort/${wasm}`, async (route) =>
        route.fulfill({ contentType: 'application/wasm', body: await readFile(new URL(wasm, folder)) }),
      );
      await page.goto(`${base}/blank.html${hash}`);
      return { asked, outcome: (await page.evaluate(THREE_STEPS)) as Record<string, unknown> };
    };
    const own = await run('');
    const given = await run('#given');
    expect(own.outcome.refused).toBe('usage');
    expect(given.outcome.losses).toEqual(own.outcome.losses);
    expect(own.asked).toContain(`/dist/${wasm}`);
    expect(given.asked).not.toContain(`/dist/${wasm}`);
    expect([own.outcome.version, given.outcome.version]).toEqual(['1.30.0', '1.30.0 (setOnnxRuntime)']);
  });
});
