// Pages of the matrix: a static server, and Chromium.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from './project.mjs';

const CHROMIUM = process.env.MOCO_CHROMIUM ?? '/usr/bin/chromium';
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
/** Milliseconds that a page may take: it trains for seconds where nothing else runs. */
const LONGEST = 300_000;

/** @param options headers go with every answer; wrong: files that are answered otherwise */
export async function serve(folder, { headers = {}, wrong = {} } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = normalize(decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    const other = wrong[path];
    try {
      const bytes = other ? Buffer.from(other.text) : await readFile(join(folder, path));
      const type = other?.type ?? TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, ...headers }).end(bytes);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Why there is no browser to try pages in; null where there is one. */
export function missingChromium() {
  return existsSync(CHROMIUM)
    ? null
    : `there is no ${CHROMIUM}: install Chromium, or name one in MOCO_CHROMIUM`;
}

let browser = null;

async function launch() {
  const require = createRequire(join(ROOT, 'test/package.json'));
  const { chromium } = require('playwright-core');
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

export async function closeBrowser() {
  await (await browser)?.close();
  browser = null;
}

/** @returns what the page's `result` came to. @throws Error where it did not, with what the page said */
export async function resultOf(address) {
  browser ??= launch();
  const context = await (await browser).newContext();
  const page = await context.newPage();
  const said = [];
  page.on('pageerror', (error) => said.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') said.push(message.text());
  });
  page.on('requestfailed', (request) => said.push(`${request.url()}: ${request.failure()?.errorText}`));
  try {
    await page.goto(address, { timeout: LONGEST });
    await page.waitForFunction('globalThis.result !== undefined', null, { timeout: LONGEST });
    const result = await page.evaluate('globalThis.result');
    if (result.error) throw new Error(result.error);
    return result;
  } catch (error) {
    throw new Error(
      `${error.message}${said.length > 0 ? `\nthe page says: ${said.slice(0, 8).join('\n')}` : ''}`,
    );
  } finally {
    await context.close();
  }
}

/** Bytes, gzipped, of the scripts that a built page loads before any of its code runs. */
export async function initialBytes(folder) {
  const seen = new Set();
  const page = await readFile(join(folder, 'index.html'), 'utf8');
  const mapped = JSON.parse(/<script type="importmap">(.*?)<\/script>/.exec(page)?.[1] ?? '{}').imports ?? {};
  const visit = async (path) => {
    if (seen.has(path) || !existsSync(join(folder, path))) return 0;
    seen.add(path);
    const text = await readFile(join(folder, path), 'utf8');
    let bytes = gzipSync(text, { level: 9 }).length;
    for (const [, from] of text.matchAll(
      /(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{][^'"()]*?from\s*)?["']([^"']+)["']/g,
    )) {
      if (from in mapped) bytes += await visit(normalize(mapped[from]));
      else if (from.startsWith('.')) bytes += await visit(normalize(join(path, '..', from)));
    }
    return bytes;
  };
  let bytes = 0;
  for (const [, source] of page.matchAll(/<script[^>]*\ssrc="?([^"\s>]+)"?/g)) {
    bytes += await visit(normalize(source.replace(/^\//, '')));
  }
  return bytes;
}
