/**
 * Where the files lie that the build puts beside the library: worker scripts and kernels.wasm.
 * In the built package that is the folder of the running chunk; when the sources are run as they are (vitest),
 * it is the dist/ of the last build.
 */
const BASE = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/', import.meta.url)
  : new URL('./', import.meta.url);

/** The address of a built file, e.g. `assetUrl('kernels.wasm')`. */
export function assetUrl(name: string): URL {
  return new URL(name, BASE);
}
