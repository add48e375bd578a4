/** Checkpoints of a page: written, read, carried to Node, found again after a reload, and a storage that is full. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { callInNode, callInPage } from './call.ts';
import { closeChromium, openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

interface Outcome {
  /** The step that it went on from. */
  from: number;
  losses: number[];
  checkpoint: string | null;
  error?: string;
}

interface Options {
  out: string;
  /** Stop here; by default at the end. */
  steps?: number;
  checkpointEvery?: number;
}

/** Four epochs of five. */
const STEPS = 20;
const PROGRAM = 'test/runtimes/checkpointed-run.mjs';

const trainInPage = (page: Page, options: Options) =>
  callInPage<Outcome>(page, PROGRAM, 'trainOrError', options);

/** The same in a module worker of the page. */
const trainInWorker = (page: Page, options: Options): Promise<Outcome> =>
  page.evaluate(
    (given) =>
      new Promise<Outcome>((resolve, reject) => {
        const worker = new Worker('/test/runtimes/page/checkpointed-worker.mjs', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(given);
      }),
    options,
  );

const trainInNode = (options: Options) => callInNode<Outcome>(PROGRAM, 'trainOrError', options);

async function open(): Promise<{ page: Page; close(): Promise<void> }> {
  const { page, server } = await openPage('test/runtimes/page/blank.html', false);
  return {
    page,
    async close() {
      await page.close();
      server.close();
    },
  };
}

/** All files that the page has stored: path → content in base64. */
function storedFiles(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const files: Record<string, string> = {};
    async function visit(folder: FileSystemDirectoryHandle, path: string): Promise<void> {
      for await (const [name, handle] of folder.entries()) {
        if (handle instanceof FileSystemDirectoryHandle) await visit(handle, `${path}${name}/`);
        else {
          const bytes = new Uint8Array(
            await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer(),
          );
          let binary = '';
          for (const byte of bytes) binary += String.fromCharCode(byte);
          files[path + name] = btoa(binary);
        }
      }
    }
    await visit(await navigator.storage.getDirectory(), '');
    return files;
  });
}

let uninterrupted: number[] = [];
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-uninterrupted-'));
  const outcome = await trainInNode({ out: folder });
  await rm(folder, { recursive: true, force: true });
  uninterrupted = outcome.losses;
  expect(outcome).toMatchObject({ from: 0 });
  expect(uninterrupted).toHaveLength(STEPS);
});
afterAll(closeChromium);

await inRuntimes(['chromium'], () => {
  it.each([
    ['on its main thread', trainInPage],
    ['in a module worker', trainInWorker],
  ])('a run begun in a page, %s, is finished in Node with the same losses', async (_, train) => {
    const { page, close } = await open();
    const begun = await train(page, { out: 'runs/a', steps: 7, checkpointEvery: 3 });
    expect(begun).toMatchObject({ from: 0, checkpoint: 'runs/a/step-000007' });
    expect(await callInPage(page, PROGRAM, 'lookAt', 'runs/a')).toEqual({
      step: 7,
      onnxBytes: expect.any(Number),
    });
    expect(await callInPage(page, PROGRAM, 'lookAt', '/runs/a/step-000006/')).toMatchObject({ step: 6 });
    const files = await storedFiles(page);
    await close();
    const names = ['model.safetensors', 'state.json'];
    expect(Object.keys(files).sort()).toEqual(
      ['step-000006', 'step-000007'].flatMap((step) => names.map((name) => `runs/a/${step}/${name}`)),
    );
    const folder = await temporaryFolder();
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), Buffer.from(content, 'base64'));
    }
    const finished = await trainInNode({ out: join(folder, 'runs/a') });
    expect(finished.from).toBe(7);
    // Doubles go through JSON and back without a change.
    expect([...begun.losses, ...finished.losses]).toEqual(uninterrupted);
  });

  it('a page reloaded in the middle goes on from its last checkpoint with the same losses', async () => {
    const { page, close } = await open();
    const reachedStep5 = new Promise<void>((resolve) => {
      void page.exposeFunction('told', (step: number) => {
        if (step === 5) resolve();
      });
    });
    await page.evaluate(`import('/${PROGRAM}').then(({ train }) => {
      train({ out: 'run', checkpointEvery: 2 }, (step) => void told(step));
    })`);
    await reachedStep5;
    await page.reload();
    const finished = await trainInPage(page, { out: 'run' });
    await close();
    expect(finished.error).toBeUndefined();
    expect(finished.from).toBeGreaterThanOrEqual(4);
    expect(finished.from).toBeLessThan(STEPS);
    expect(finished.from % 2).toBe(0);
    expect(finished.losses).toEqual(uninterrupted.slice(finished.from));
  });

  it('a full storage is write-failed, and earlier checkpoints stay', async () => {
    const { page, close } = await open();
    await trainInPage(page, { out: 'run', steps: 2 });
    const before = await storedFiles(page);
    const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    const devtools = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 1000 });
    const { error } = await trainInPage(page, { out: 'run', steps: 4 });
    expect(error).toMatch(
      /^write-failed: cannot write checkpoint step-000004 in run: the storage of this page is full, with \d+ MiB used of \d+ MiB; earlier checkpoints are untouched/,
    );
    expect(await storedFiles(page)).toEqual(before);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    const rest = await trainInPage(page, { out: 'run' });
    await close();
    expect(rest.losses).toEqual(uninterrupted.slice(2));
  });
});
