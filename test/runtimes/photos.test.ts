/** Photos that a page is given: by an `<input>`, dropped, in a folder of a handle; trained on with the losses of Node. */

import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { closeChromium, openPage } from './chromium.ts';
import { openFirefoxPage } from './firefox.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { runDeno } from './runtimes.ts';

interface Trained {
  told: object;
  losses: number[];
  watched: unknown[];
}

const IMAGES = fileURLToPath(new URL('../data/images', import.meta.url));
const PHOTOS = [
  'airplane/0025.jpg',
  'airplane/0131.jpg',
  'airplane/0135.jpg',
  'cat/0075.jpg',
  'cat/0158.jpg',
  'cat/0188.jpg',
];
const PROGRAM = '/test/runtimes/photos-run.mjs';
/** Of each class 18, and no two of one name. */
const COPIES = 6;
const PATHS = PHOTOS.flatMap((path) =>
  Array.from({ length: COPIES }, (_, i) => path.replace('.jpg', `-${i}.jpg`)),
);
const sourceOf = (path: string) => `${IMAGES}/${path.replace(/-\d/, '')}`;

afterAll(closeChromium);

async function withPage(isolated: boolean, task: (page: Page) => Promise<void>): Promise<void> {
  const { page, server, errors } = await openPage('test/runtimes/page/blank.html', isolated);
  try {
    await task(page);
    expect(errors).toEqual([]);
  } finally {
    await page.close();
    server.close();
  }
}

/** As text: vitest rewrites the imports of its own files. `given` is the text of what the export is called with. */
const called = (name: string, given: string) =>
  `import('${PROGRAM}').then(async (program) => program.${name}(${given}))`;

/** The text of a folder with all photos, in the page's own storage: a real handle, for which no user has to be asked. */
const FOLDER = `(async () => {
  const top = await navigator.storage.getDirectory();
  const root = await top.getDirectoryHandle('photos', { create: true });
  for (const path of ${JSON.stringify(PATHS)}) {
    const [folder, name] = path.split('/');
    const bytes = await (await fetch('/test/data/images/' + path.replace(/-\\d/, ''))).arrayBuffer();
    const file = await (await root.getDirectoryHandle(folder, { create: true })).getFileHandle(name, { create: true });
    const writable = await file.createWritable();
    await writable.write(bytes);
    await writable.close();
  }
  return root;
})()`;

const PROCESS = fileURLToPath(new URL('photos-process.mjs', import.meta.url));
const GIVEN = JSON.stringify(PATHS.map((path) => [sourceOf(path), `photos/${path}`]));

/** What Node gives for the same files. */
let expected: Trained;
beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, GIVEN]);
  expected = JSON.parse(stdout) as Trained;
  const told = { classes: ['airplane', 'cat'], path: 'photos', trainLength: 36, imageSize: 32 };
  expect(expected).toMatchObject({ told, losses: Array(3).fill(expect.any(Number)) });
});

async function folderOnDisk(): Promise<string> {
  const folder = `${await temporaryFolder()}/photos`;
  for (const path of PATHS) {
    await mkdir(`${folder}/${path.split('/')[0]}`, { recursive: true });
    await cp(sourceOf(path), `${folder}/${path}`);
  }
  return folder;
}

/** Has the files of a folder of the disk chosen in an `<input webkitdirectory>`. */
async function choose(page: Page, folder: string): Promise<void> {
  await page.setContent('<input type="file" webkitdirectory multiple>');
  await page.setInputFiles('input', folder);
}

await inRuntimes(['deno'], () => {
  it('trains on files, as Node does', async () => {
    expect(JSON.parse(await runDeno(['run', '-A', PROCESS, GIVEN]))).toEqual(expected);
  });
});

await inRuntimes(['firefox'], () => {
  it('trains on a folder of a handle, as Node does, and keeps it over a reload', async () => {
    const { page, errors } = await openFirefoxPage('test/runtimes/page/blank.html', false);
    try {
      expect(await page.evaluate(called('trainedOn', `await ${FOLDER}`))).toEqual(expected);
      const made = await page.evaluate(called('thumbnailsOf', `await ${FOLDER}`));
      expect(made).toEqual(PATHS.map((_, i) => [i, 'ImageBitmap', 8, null]));
      expect(await page.evaluate(called('keepFolder', `await ${FOLDER}, 'runs/a'`))).toEqual({ kept: true });
      await page.reload();
      expect(await page.evaluate(called('restored', "'runs/a'"))).toBe(36);
      expect(errors).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

await inRuntimes(['chromium'], () => {
  it.each([false, true])('trains on the files of an input, as Node does (isolated: %s)', (isolated) =>
    withPage(isolated, async (page) => {
      await choose(page, await folderOnDisk());
      const trained = await page.evaluate(called('trainedOn', "document.querySelector('input').files"));
      expect(trained).toEqual(expected);
    }),
  );

  it('trains on a folder of a handle, and on blobs, as Node does', () =>
    withPage(false, async (page) => {
      expect(await page.evaluate(called('trainedOn', `await ${FOLDER}`))).toEqual(expected);
      const blobs = `await Promise.all(${JSON.stringify(PATHS)}.map(async (path) =>
        (await fetch('/test/data/images/' + path.replace(/-\\d/, ''))).blob()))`;
      const { told, losses } = (await page.evaluate(called('trainedOn', blobs))) as Trained;
      expect(told).toMatchObject({ classes: [], trainLabels: null, trainLength: 36 });
      expect(losses.every(Number.isFinite)).toBe(true);
    }));

  it('takes a folder that is dropped, and keeps it', () =>
    withPage(false, async (page) => {
      await page.setContent('<main style="height: 300px">here</main>');
      const started = page.evaluate(`import('${PROGRAM}').then((program) => new Promise((resolve) => {
        document.addEventListener('dragover', (event) => event.preventDefault());
        document.addEventListener('drop', (event) => {
          event.preventDefault();
          resolve(program.keepFolder(event.dataTransfer, 'runs/dropped'));
        });
      }))`);
      // The listeners are there once the program is.
      await page.waitForFunction(`import('${PROGRAM}').then(() => true)`);
      const session = await page.context().newCDPSession(page);
      const data = { items: [], files: [await folderOnDisk()], dragOperationsMask: 1 };
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
        await session.send('Input.dispatchDragEvent', { type, x: 50, y: 50, data });
      }
      expect(await started).toEqual({ kept: true });
      expect(await page.evaluate(called('restored', "'runs/dropped'"))).toBe(36);
    }));

  it('takes files that are dropped', () =>
    withPage(false, async (page) => {
      const dropped = `(async () => {
        const transfer = new DataTransfer();
        for (const path of ${JSON.stringify(PATHS)}) {
          const bytes = await (await fetch('/test/data/images/' + path.replace(/-\\d/, ''))).arrayBuffer();
          transfer.items.add(new File([bytes], path.split('/')[1]));
        }
        return transfer.items;
      })()`;
      const { told, losses } = (await page.evaluate(called('trainedOn', `await ${dropped}`))) as Trained;
      expect(told).toMatchObject({ path: 'files', classes: [], trainLength: 36 });
      expect(losses).toHaveLength(3);
    }));

  it('makes thumbnails in a worker, as bitmaps', () =>
    withPage(false, async (page) => {
      const scripts: string[] = [];
      page.on('worker', (worker) => scripts.push(worker.url().split('/').at(-1)!));
      await choose(page, await folderOnDisk());
      const made = await page.evaluate(called('thumbnailsOf', "document.querySelector('input').files"));
      expect(made).toEqual(PATHS.map((_, i) => [i, 'ImageBitmap', 8, null]));
      expect(scripts).toEqual(['data-worker.js']);
    }));

  it('keeps a folder over a reload, and says what it cannot keep', () =>
    withPage(false, async (page) => {
      const files = `[new File(['\\xff'], 'x.txt'), await (await fetch('/test/data/images/cat/0075.jpg')).blob()]`;
      expect(await page.evaluate(called('keptAndRestored', `await ${FOLDER}, ${files}`))).toEqual({
        kept: { kept: true },
        restored: { path: 'mine', trainLength: 36, trainLabels: null, classes: [] },
        refused: {
          kept: false,
          reason: 'files was given file by file, which no browser keeps: choose it again after a reload',
        },
        gone: 'data-missing: no folder is kept for runs/page: choose it again',
        forgotten: 'data-missing: no folder is kept for runs/other: choose it again',
      });
      expect(await page.evaluate(called('keepFolder', `await ${FOLDER}, 'runs/a'`))).toEqual({ kept: true });
      await page.reload();
      expect(await page.evaluate(called('restored', "'runs/a'"))).toBe(36);
    }));
});
