import encodeImage, { init } from '@jsquash/jpeg/encode.js';
import { compileCodec, provideImageData } from '../../runtime/codecs.ts';
import type { RgbImage } from '../image.ts';

let ready: Promise<unknown> | null = null;

async function start(): Promise<unknown> {
  provideImageData();
  // Its types leave out that it takes a compiled module.
  const withModule = init as unknown as (module: WebAssembly.Module) => Promise<void>;
  return withModule(await compileCodec('mozjpeg_enc.wasm'));
}

/** The bytes of a JPEG file. @param quality 1 … 100. @throws MocoError backend-unavailable */
export async function encodeJpeg({ data, width, height }: RgbImage, quality: number): Promise<Uint8Array> {
  ready ??= start();
  await ready;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4)
    rgba.set(data.subarray(from, from + 3), to);
  return new Uint8Array(await encodeImage(new ImageData(rgba, width, height), { quality }));
}
