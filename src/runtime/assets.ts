/**
 * Where the files lie that the build puts beside the library: .wasm files and worker scripts.
 * In the built package that is the folder of the running chunk; when the sources are run as they are (vitest),
 * it is the dist/ of the last build. An app may say otherwise (`setAssetPaths`), and a worker is told what its starter was.
 */
import { either, expectArgument, instance, nothing, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';

/** Bundles that are no modules have none. */
const HERE: string | undefined = import.meta.url;
const SOURCES = HERE?.endsWith('.ts') ?? false;

const FOLDER = either(text('the address of a folder'), instance('a URL', 'URL'), nothing);

let given: URL | null = null;

/**
 * Says where the package's .wasm files and worker scripts are to be had, for all that is started from then on: for bundlers that
 * do not take them along (esbuild, Rollup; `moco-web assets DIR` copies them), and for hosts of their own, of another origin too, which
 * then has to send `Access-Control-Allow-Origin`. All of them are taken from there, none from the bundle. To be called before anything
 * else of the package, on the thread that calls it; workers are told.
 * @param folder the address of the folder, absolute or as seen from the page (Node: from the current folder); null: where they lie by default
 * @throws MocoError usage for what is no address
 */
export function setAssetPaths(folder: string | URL | null): void {
  expectArgument('setAssetPaths', 'folder', folder, FOLDER);
  given = folder === null ? null : addressOf(folder);
}

function addressOf(folder: string | URL): URL {
  const { location, process } = globalThis as {
    location?: { href: string };
    process?: { cwd?: () => string };
  };
  const here = location?.href ?? (process?.cwd ? `file://${process.cwd()}/` : undefined);
  try {
    const url = new URL(String(folder), here);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url;
  } catch (error) {
    throw new MocoError(
      'usage',
      `setAssetPaths: '${folder}' is no address: give that of a folder, such as '/moco-web/' or 'https://…/dist/'`,
      { cause: error },
    );
  }
}

/** What was said by `setAssetPaths`, for the workers that are started; null where nothing was. */
export function givenAssetPaths(): string | null {
  return given?.href ?? null;
}

/**
 * The address of a built file, e.g. `assetUrl('augment.wasm', () => new URL('./augment.wasm', import.meta.url))`.
 * @param written the address written out, where it is used: bundlers know it so, and take the file along, under whatever name,
 * of what is used and nothing else
 * @throws MocoError usage in a bundle that does not know where it lies
 */
export function assetUrl(name: string, written?: () => URL): URL {
  if (given) return new URL(name, given);
  if (HERE === undefined) {
    throw new MocoError(
      'usage',
      `this bundle does not know its address, and so not where ${name} is: say so by setAssetPaths(url)`,
    );
  }
  if (written && !SOURCES) return written();
  return new URL(name, new URL(SOURCES ? '../../dist/' : './', HERE));
}
