import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** What makes a page cross-origin isolated, so that it may post views on shared memory to workers. */
const ISOLATING = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Answers what is no file, or says that it does not. */
export type Answer = (url: URL, request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

export interface ServeOptions {
  /** HTML that goes with each page. */
  added?: string;
  answer?: Answer;
}

/** A static server of the files in a folder, at an address of this machine alone. */
export async function serve(
  root: string,
  isolated: boolean,
  { added = '', answer = async () => false }: ServeOptions = {},
): Promise<{ base: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (await answer(url, request, response)) return;
    const { pathname } = url;
    const path = normalize(decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    try {
      const bytes = await readFile(join(root, path));
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, ...(isolated ? ISOLATING : {}) });
      response.end(extname(path) === '.html' ? bytes + added : bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
