// `npm run web`: web/dist at an address of this machine, with the headers that a strict host would send.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('dist', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.onnx': 'application/octet-stream',
};
/** As in index.html. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/**
 * @param under the path that the page is at, as static hosts have it
 * @returns the server, and the address of the page
 */
export async function serve(port = 0, under = '/') {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    try {
      if (!pathname.startsWith(under)) throw new Error('not of the page');
      const inside = `/${pathname.slice(under.length)}`;
      // Normalized from the root on, a path cannot leave it.
      const path = normalize(decodeURIComponent(inside.endsWith('/') ? `${inside}index.html` : inside));
      const bytes = await readFile(join(ROOT, path));
      response.writeHead(200, {
        'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
        'Content-Security-Policy': POLICY,
        'X-Content-Type-Options': 'nosniff',
        'Cache-Control': 'no-cache',
      });
      response.end(bytes);
    } catch {
      response.writeHead(404).end('There is no such file.');
    }
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return { server, address: `http://localhost:${server.address().port}${under}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { address } = await serve(Number(process.env.PORT ?? 8080));
  console.log(`The page is at ${address} (Ctrl+C ends it)`);
}
