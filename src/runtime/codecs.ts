import { MocoError, messageOf } from '../errors.ts';
import { assetUrl } from './assets.ts';
import { loadAsset } from './load-asset.ts';

/**
 * A codec's .wasm file, e.g. `mozjpeg_dec.wasm`, from beside the library: the codecs' own loaders use fetch, which cannot
 * read file: addresses in Node.
 * @throws MocoError backend-unavailable
 */
export async function compileCodec(file: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await loadAsset(assetUrl(file)));
}

/**
 * A script that the build put beside the library, e.g. `rare-formats.js`, loaded when it is needed.
 * @throws MocoError backend-unavailable
 */
export async function loadScript(file: string): Promise<unknown> {
  const { href } = assetUrl(file);
  try {
    // The address is one of a built file: bundlers have taken it along (assets.ts), and are to leave this as it is.
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ href);
  } catch (cause) {
    const message = `cannot load ${href} (${messageOf(cause)}): build the package (npm run build) or serve this file beside it`;
    throw new MocoError('backend-unavailable', message, { cause });
  }
}

/** The codecs construct ImageData, which only browsers and Deno have. */
export function provideImageData(): void {
  if (typeof globalThis.ImageData !== 'undefined') return;
  class PlainImageData {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
    constructor(data: Uint8ClampedArray, width: number, height: number) {
      this.data = data;
      this.width = width;
      this.height = height;
    }
  }
  Object.defineProperty(globalThis, 'ImageData', {
    value: PlainImageData,
    configurable: true,
    writable: true,
  });
}
