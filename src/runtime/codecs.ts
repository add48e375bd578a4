import { MocoError, messageOf } from '../errors.ts';
import { assetUrl } from './assets.ts';
import { loadAsset } from './load-asset.ts';

const WRITTEN = {
  'mozjpeg_dec.wasm': () => new URL('./mozjpeg_dec.wasm', import.meta.url),
  'mozjpeg_enc.wasm': () => new URL('./mozjpeg_enc.wasm', import.meta.url),
  'squoosh_png_bg.wasm': () => new URL('./squoosh_png_bg.wasm', import.meta.url),
  'webp_dec.wasm': () => new URL('./webp_dec.wasm', import.meta.url),
} as const;

const SCRIPTS = { 'rare-formats.js': () => new URL('./rare-formats.js', import.meta.url) } as const;

export type CodecFile = keyof typeof WRITTEN;

/**
 * A codec's .wasm file, e.g. `mozjpeg_dec.wasm`, from beside the library: the codecs' own loaders use fetch, which cannot
 * read file: addresses in Node.
 * @throws MocoError backend-unavailable
 */
export async function compileCodec(file: CodecFile): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await loadAsset(assetUrl(file, WRITTEN[file])));
}

/**
 * A script that the build put beside the library, e.g. `rare-formats.js`, loaded when it is needed.
 * @throws MocoError backend-unavailable
 */
export async function loadScript(file: keyof typeof SCRIPTS): Promise<unknown> {
  const { href } = assetUrl(file, SCRIPTS[file]);
  try {
    // The address is one of a built file: bundlers have taken it along, and are to leave this as it is.
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
