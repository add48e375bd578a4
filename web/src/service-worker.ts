/**
 * Service worker: keeps the files of the page, so that from the second visit on it needs no network. What computes is large, and of it
 * only what this machine uses is kept, which the page tells.
 */

/** The build fills them in: what is always kept, relative to the page, and a digest of all files. */
declare const FILES: readonly string[];
declare const VERSION: string;

/** What the page says: keep these as well, and tell when that is done; or: take the place of the one before. */
export type ToServiceWorker =
  | { readonly type: 'keep'; readonly files: readonly string[] }
  | { readonly type: 'take over' };

// TypeScript takes this file for one of a page.
interface Extended extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Extended {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Told extends Extended {
  readonly data: ToServiceWorker;
  readonly ports: readonly MessagePort[];
}
interface Scope {
  addEventListener(type: 'install' | 'activate', listener: (event: Extended) => void): void;
  addEventListener(type: 'fetch', listener: (event: Asked) => void): void;
  addEventListener(type: 'message', listener: (event: Told) => void): void;
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}
const worker = globalThis as unknown as Scope;

const ROOT = worker.registration.scope;
/** Other pages of this host have caches, too. */
const OURS = `moco-web ${ROOT} `;
const NAME = OURS + VERSION;
const PAGE = './';

const urlOf = (file: string): string => new URL(file, ROOT).href;

async function keep(files: readonly string[]): Promise<void> {
  const cache = await caches.open(NAME);
  await Promise.all(
    files.map(async (file) => {
      if (await cache.match(urlOf(file))) return;
      // What a host told browsers to keep may be of the version before.
      await cache.add(new Request(urlOf(file), { cache: 'no-cache' }));
    }),
  );
}

async function forgetOlder(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(OURS) && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const { origin, pathname } = new URL(request.url);
  const isFile = FILES.some((file) => urlOf(file) === origin + pathname);
  const wanted = request.mode === 'navigate' && !isFile ? urlOf(PAGE) : request.url;
  return (await cache.match(wanted, { ignoreSearch: true })) ?? fetch(request);
}

worker.addEventListener('install', (event) => event.waitUntil(keep([PAGE, ...FILES])));
worker.addEventListener('activate', (event) => {
  event.waitUntil(Promise.all([forgetOlder(), worker.clients.claim()]));
});
worker.addEventListener('fetch', (event) => {
  const { method, url, mode } = event.request;
  // Of the folder of the page alone; and of its pages there is one.
  if (method !== 'GET' || !url.startsWith(ROOT)) return;
  if (mode === 'navigate' && ![urlOf(PAGE), urlOf('index.html')].includes(url.replace(/[?#].*$/, ''))) return;
  event.respondWith(answer(event.request));
});
worker.addEventListener('message', (event) => {
  const { data, ports } = event;
  if (data.type === 'take over') return event.waitUntil(worker.skipWaiting());
  const tell = (done: boolean) => ports[0]?.postMessage(done);
  event.waitUntil(
    keep(data.files).then(
      () => tell(true),
      () => tell(false),
    ),
  );
});
