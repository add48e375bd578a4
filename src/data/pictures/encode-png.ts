import encodePng, { init as initPng } from '@jsquash/png/encode.js';
import { compileCodec, provideImageData } from '../../runtime/codecs.ts';

let ready: Promise<unknown> | null = null;

async function start(): Promise<unknown> {
  provideImageData();
  return initPng(await compileCodec('squoosh_png_bg.wasm'));
}

/** The bytes of a PNG file. @param rgba [height, width, 4]. @throws MocoError backend-unavailable */
export async function encodeImage(
  rgba: Uint8ClampedArray<ArrayBuffer>,
  width: number,
  height: number,
): Promise<Uint8Array<ArrayBuffer>> {
  ready ??= start();
  await ready;
  return new Uint8Array(await encodePng(new ImageData(rgba, width, height)));
}
