import { MocoError, messageOf } from '../errors.ts';
import { nodeModule } from './node.ts';

/**
 * The bytes of a file that the build put beside the library (see assets.ts). `file:` addresses are read through
 * node:fs, which Node and Deno have; all others are fetched.
 * @throws MocoError backend-unavailable where the file cannot be had
 */
export async function loadAsset(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (url.protocol === 'file:') {
      const { readFile } = await nodeModule('fs/promises');
      return new Uint8Array(await readFile(url));
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new MocoError(
      'backend-unavailable',
      `cannot load ${url.href} (${messageOf(error)}): build the package (npm run build) or serve this file beside it`,
      { cause: error },
    );
  }
}
