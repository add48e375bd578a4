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
