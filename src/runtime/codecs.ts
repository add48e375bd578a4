import { MocoError, messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/**
 * The bytes of a file inside an installed npm package, e.g. `@jsquash/png/codec/pkg/squoosh_png_bg.wasm`. The codecs'
 * own loaders use fetch, which cannot read file: addresses in Node.
 */
export async function packageFile(specifier: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (runtimeName() !== 'browser') {
      const { createRequire } = await nodeModule('module');
      const { readFileSync } = await nodeModule('fs');
      return new Uint8Array(readFileSync(createRequire(import.meta.url).resolve(specifier)));
    }
    const response = await fetch(import.meta.resolve(specifier));
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const message = `cannot load the image codec ${specifier}: ${messageOf(error)}: is moco-web installed completely?`;
    throw new MocoError('backend-unavailable', message, { cause: error });
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
