/** Debian's Chromium, driven by playwright-core: one page with cross-origin isolation, one without. */
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
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

/** The page of test/runtimes/page, opened once for each kind. */
export async function fiveStepsPage(isolated: boolean): Promise<OpenPage> {
  let open = pages.get(isolated);
  if (!open) {
    open = openPage('test/runtimes/page/index.html', isolated);
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
