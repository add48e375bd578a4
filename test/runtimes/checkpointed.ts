/** The program checkpointed-run.mjs in a page and in Node: a run of four epochs of five steps that saves checkpoints. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { callInNode, callInPage } from './call.ts';
import { openPage } from './chromium.ts';

export interface Outcome {
  /** The step that it went on from. */
  from: number;
  losses: number[];
  checkpoint: string | null;
  error?: string;
}

export interface Options {
  out: string;
  /** Stop here; by default at the end. */
  steps?: number;
  checkpointEvery?: number;
}

/** Four epochs of five. */
export const STEPS = 20;
export const PROGRAM = 'test/runtimes/checkpointed-run.mjs';

/** Up to a step, or to the end, from the newest checkpoint where there is one. */
export const trainInPage = (page: Page, options: Options) =>
  callInPage<Outcome>(page, PROGRAM, 'trainOrError', options);

export const trainInNode = (options: Options) => callInNode<Outcome>(PROGRAM, 'trainOrError', options);

/** Losses of a run that nothing disturbs. */
export async function undisturbed(): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-uninterrupted-'));
  const { from, losses } = await trainInNode({ out: folder });
  await rm(folder, { recursive: true, force: true });
  expect(from).toBe(0);
  expect(losses).toHaveLength(STEPS);
  return losses;
}

/** A page without anything. */
export async function openBlank(): Promise<{ page: Page; close(): Promise<void> }> {
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
export function storedFiles(page: Page): Promise<Record<string, string>> {
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
