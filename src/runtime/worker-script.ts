/** A worker script of the package in a page (or in Deno): where it lies, how it is started from there, and why it was not. */
import { messageOf } from '../errors.ts';
import { assetUrl, givenAssetPaths } from './assets.ts';

export interface StartedWorker {
  readonly worker: Worker;
  /** To be called once it runs, or is dead. */
  release(): void;
}

/**
 * @param written `new Worker(…)` written out for bundlers, which know it so. Not taken where the app has said where the files are
 */
export function startScript(script: string, written: (() => Worker) | undefined): StartedWorker {
  if (written && givenAssetPaths() === null) {
    try {
      return { worker: written(), release() {} };
    } catch (error) {
      // Of another origin, as on a CDN.
      if ((error as { name?: unknown }).name !== 'SecurityError') throw error;
    }
  }
  return startAt(assetUrl(script));
}

/** Browsers start no worker of another origin, but let one of theirs import it. */
function startAt(url: URL): StartedWorker {
  const { origin } = globalThis;
  if (!url.protocol.startsWith('http') || origin === undefined || url.origin === origin) {
    return { worker: new Worker(url, { type: 'module' }), release() {} };
  }
  const text = `import ${JSON.stringify(url.href)};`;
  const blob = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  return {
    worker: new Worker(blob, { type: 'module' }),
    release: () => URL.revokeObjectURL(blob),
  };
}

function adviceFor({ pathname }: URL): string {
  // Where Vite's dev server keeps what it has bundled ahead, without workers.
  if (pathname.includes('/.vite/')) return "tell Vite optimizeDeps: { exclude: ['moco-web'] }";
  return 'put the files of its dist/ there (npx moco-web assets DIR copies them), or say where they are by setAssetPaths(url)';
}

/** Why a script cannot run, as its address tells; null where nothing is wrong with that. */
export async function whyNotLoaded(script: string): Promise<string | null> {
  let url: URL;
  try {
    url = assetUrl(script);
  } catch (error) {
    return messageOf(error);
  }
  // Bundles have it elsewhere; files are not fetched.
  if (!url.protocol.startsWith('http')) return null;
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    if (!response.ok)
      return `${url.href} answers ${response.status} ${response.statusText}: ${adviceFor(url)}`;
    const type = response.headers.get('content-type') ?? 'no type';
    if (!/javascript|ecmascript/i.test(type)) return `${url.href} is ${type}, no script: ${adviceFor(url)}`;
    return null;
  } catch (error) {
    return `${url.href} cannot be fetched (${messageOf(error)}): ${adviceFor(url)}`;
  }
}
