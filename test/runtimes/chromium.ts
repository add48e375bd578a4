/** Debian's Chromium, driven by playwright-core: one page with cross-origin isolation, one without. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { serve } from './server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXECUTABLE = process.env.MOCO_CHROMIUM ?? '/usr/bin/chromium';
/** WebGPU on SwiftShader, which is part of Chromium. The sandbox does not work for root; nothing is asked of the network. */
const FLAGS = [
  ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],
  ...['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export interface OpenPage {
  page: Page;
  server: Server;
  /** Errors that nobody in the page took care of. */
  errors: string[];
}

let browser: Promise<Browser> | null = null;
const pages = new Map<boolean, Promise<OpenPage>>();

export function missingChromium(): string | null {
  return existsSync(EXECUTABLE)
    ? null
    : `there is no ${EXECUTABLE}: install Debian's chromium, or name another in MOCO_CHROMIUM`;
}

export async function openPage(path: string, isolated: boolean, root = ROOT): Promise<OpenPage> {
  browser ??= chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  const { base, server } = await serve(root, isolated);
  const page = await (await browser).newPage({ viewport: { width: 1400, height: 500 } });
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`${base}/${path}`);
  return { page, server, errors };
}

/** A page of a server of the test's own, in a profile that nothing else has written to. */
export async function openAddress(address: string): Promise<Page> {
  browser ??= chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  const page = await (await browser).newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(address);
  return page;
}

/**
 * A page that `Page.setWebLifecycleState` of the DevTools protocol freezes. Those of openPage it does not: playwright keeps
 * the pages of the browsers that it starts focused, which none can be that is frozen.
 */
export async function openFreezablePage(path: string): Promise<{ page: Page; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'moco-web-profile-'));
  const args = [...FLAGS, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const process = spawn(EXECUTABLE, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let address: string | undefined;
  for await (const line of createInterface({ input: process.stderr })) {
    address = /^DevTools listening on (\S+)/.exec(line)?.[1];
    if (address) break;
  }
  process.stderr.resume();
  if (!address) throw new Error(`${EXECUTABLE} ended before it told where it can be driven`);
  const remote = await chromium.connectOverCDP(address, { noDefaults: true });
  const { base, server } = await serve(ROOT, false);
  const page = await remote.contexts()[0]!.newPage();
  await page.goto(`${base}/${path}`);
  return {
    page,
    async close() {
      await remote.close();
      server.close();
      const exited = once(process, 'exit');
      process.kill();
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A page with its table, opened once for each kind. */
export async function fiveStepsPage(path: string, isolated: boolean): Promise<OpenPage> {
  let open = pages.get(isolated);
  if (!open) {
    open = openPage(path, isolated);
    pages.set(isolated, open);
  }
  return open;
}

/** Ends the browser; before, with MOCO_SCREENSHOTS=FOLDER, saves pictures of the pages with their tables. */
export async function closeChromium(): Promise<void> {
  const folder = process.env.MOCO_SCREENSHOTS;
  for (const [isolated, open] of pages) {
    const { page, server } = await open;
    const path = join(folder ?? '', isolated ? 'chromium-isolated.png' : 'chromium.png');
    if (folder) await page.screenshot({ path });
    server.close();
  }
  await (await browser)?.close();
  pages.clear();
  browser = null;
}
