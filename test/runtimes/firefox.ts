/** Debian's Firefox, driven by puppeteer-core, which talks to browsers as they are. It has no WebGPU on Linux. */
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { serve } from './server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXECUTABLE = process.env.MOCO_FIREFOX ?? '/usr/bin/firefox-esr';

export interface OpenFirefoxPage {
  page: Page;
  server: Server;
  /** Errors that nobody in the page took care of. */
  errors: string[];
}

let browser: Promise<Browser> | null = null;
const servers: Server[] = [];

export function missingFirefox(): string | null {
  return existsSync(EXECUTABLE)
    ? null
    : `there is no ${EXECUTABLE}: install Debian's firefox-esr, or name another in MOCO_FIREFOX`;
}

export async function openFirefoxPage(
  path: string,
  isolated: boolean,
  root = ROOT,
): Promise<OpenFirefoxPage> {
  browser ??= puppeteer.launch({ browser: 'firefox', executablePath: EXECUTABLE });
  const { base, server } = await serve(root, isolated);
  servers.push(server);
  const page = await (await browser).newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${base}/${path}`);
  return { page, server, errors };
}

/** Ends the browser, and all that served it. */
export async function closeFirefox(): Promise<void> {
  await (await browser)?.close();
  for (const server of servers.splice(0)) server.close();
  browser = null;
}
