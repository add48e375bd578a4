/**
 * Depthwise convolutions, in which each filter has a channel of its own: 8 filters go with 8 channels, lane by lane, so that x of
 * a chunk is packed like dy, [pixel][8 channels].
 */

import { bytesOf, Chunk, Geometry, packRun, padImages, stepThrough } from './conv-packing';

/** Bytes of a pixel of 8 channels. */
export const PIXEL: i32 = 32;

/** Packs x of a chunk with its padding; gives where it begins. `padded` has room for it twice. */
export function walkDepthwise(g: Geometry, chunk: Chunk, x: usize, channels: i32, padded: usize): usize {
  const plane = g.paddedHeight * g.paddedWidth;
  const image = <usize>(plane * PIXEL);
  const source = padded + <usize>g.images * image;
  padImages(g, chunk, x, channels, padded);
  for (let n = 0; n < chunk.images; n++) {
    const planes = padded + bytesOf(n * channels, plane);
    packRun(planes, (<usize>plane) << 2, channels, plane, source + <usize>n * image);
  }
  stepThrough(g, chunk, g.paddedWidth, image, PIXEL);
  return source;
}

/** sums [4 taps][8 filters], over the pixels of a chunk in their order. */
export function tileDepthwise(chunk: Chunk, panel: usize, source: usize, offsets: usize, sums: usize): void {
  let x0 = source + load<u32>(offsets);
  let x1 = source + load<u32>(offsets, 4);
  let x2 = source + load<u32>(offsets, 8);
  let x3 = source + load<u32>(offsets, 12);
  const step = chunk.step;
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  for (let image = chunk.images; image > 0; image--) {
    for (let row = chunk.rows; row > 0; row--) {
      const end = panel + ((<usize>chunk.columns) << 5);
      while (panel < end) {
        const a = v128.load(panel);
        const b = v128.load(panel, 16);
        a0 = f32x4.add(a0, f32x4.mul(a, v128.load(x0)));
        b0 = f32x4.add(b0, f32x4.mul(b, v128.load(x0, 16)));
        a1 = f32x4.add(a1, f32x4.mul(a, v128.load(x1)));
        b1 = f32x4.add(b1, f32x4.mul(b, v128.load(x1, 16)));
        a2 = f32x4.add(a2, f32x4.mul(a, v128.load(x2)));
        b2 = f32x4.add(b2, f32x4.mul(b, v128.load(x2, 16)));
        a3 = f32x4.add(a3, f32x4.mul(a, v128.load(x3)));
        b3 = f32x4.add(b3, f32x4.mul(b, v128.load(x3, 16)));
        x0 += step;
        x1 += step;
        x2 += step;
        x3 += step;
        panel += 32;
      }
      x0 += chunk.rowJump;
      x1 += chunk.rowJump;
      x2 += chunk.rowJump;
      x3 += chunk.rowJump;
    }
    x0 += chunk.imageJump;
    x1 += chunk.imageJump;
    x2 += chunk.imageJump;
    x3 += chunk.imageJump;
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  v128.store(sums, a1, 32);
  v128.store(sums, b1, 48);
  v128.store(sums, a2, 64);
  v128.store(sums, b2, 80);
  v128.store(sums, a3, 96);
  v128.store(sums, b3, 112);
}
