/**
 * The gradient of a convolution's input: a convolution of dy, without zeros in between.
 *
 *     dx[c, iy] = Σ over taps k and filters f of w[f, c, k] · dy[f, (iy + top − k·dilation) / stride], where that is whole
 *
 * On each axis, write iy + top as q·stride + r. The taps that reach a pixel are those with k·dilation = r modulo the stride, and they
 * see dy at q − ⌊k·dilation / stride⌋. So pixels of one r, a phase, are a convolution of stride 1 with some of the taps, turned round:
 * every period-th one from the phase's first, stride / gcd(stride, dilation) apart, whose pixels of dy are dilation / gcd apart.
 * Each tap belongs to one phase; phases that have none are 0. Of stride 1 there is one.
 *
 * Rows of q are taken in chunks (src/kernels/conv-input-gradient.ts chooses them by the shape alone), for which dy is copied once for
 * all phases, channels last; the rest is as in convolution.ts. Floor: 2·images·outputs·filters·taps·channels flop
 * (bench/conv-input-gradient.mjs has the gap).
 */

import { bytesOf, Geometry } from './conv-packing';
import { packChannelsLast, packTap } from './convolution-packing';
import { choosePath, multiply, PATH, Path, SUMS } from './convolution-tile';

/**
 * What it is as a convolution: its channels, height and width are those of dy, its filters, outHeight and outWidth those of dx; kernel,
 * strides, pads and dilations are those of the convolution whose gradient this is. A chunk has rows and columns of q.
 */
@unmanaged
class InputGeometry extends Geometry {
  /** Taps of a phase are so many apart. */
  periodY: i32;
  periodX: i32;
  /** What they see is so many pixels apart. */
  stepY: i32;
  stepX: i32;
  /** What the last tap sees is so many pixels before q. */
  seenY: i32;
  seenX: i32;
}

/**
 * dy [batch, channels, height, width], w [channels, filters/groups, kernel] → dx [batch, filters, outHeight, outWidth]: of the images
 * from `first` on, `count` of them.
 * scratch: as many bytes as src/kernels/ says, whatever they are.
 */
export function convInputGradient(
  dy: usize,
  w: usize,
  dx: usize,
  geometry: usize,
  first: i32,
  count: i32,
  scratch: usize,
): void {
  const g = changetype<InputGeometry>(geometry);
  const channels = g.channels / g.groups;
  const filters = g.filters / g.groups;
  const taps = g.kernelHeight * g.kernelWidth;
  const plane = g.outHeight * g.outWidth;
  const phasesY = min(g.kernelHeight, g.periodY);
  const phasesX = min(g.kernelWidth, g.periodX);
  const path = changetype<Path>(scratch);
  const sums = scratch + PATH;
  const weights = sums + SUMS;
  const pixels = weights + bytesOf(((filters + 7) >> 3) * taps, channels << 3);
  const packed = pixels + ((<usize>(g.images * g.rows * g.columns + 3)) << 3);
  const end = first + count;
  const beginY = g.top / g.strideY;
  const endY = (g.outHeight - 1 + g.top) / g.strideY + 1;
  const beginX = g.left / g.strideX;
  if (phasesY < g.strideY || phasesX < g.strideX) {
    memory.fill(dx + bytesOf(first * g.filters, plane), 0, bytesOf(count * g.filters, plane));
  }
  for (let group = 0; group < g.groups; group++) {
    packPhases(g, w + bytesOf(group * channels, filters * taps), channels, filters, weights);
    for (let image = first; image < end; image += g.images) {
      const images = min(g.images, end - image);
      const ofDy = dy + bytesOf(image * g.channels + group * channels, g.height * g.width);
      const ofDx = dx + bytesOf(image * g.filters + group * filters, plane);
      for (let row = beginY; row < endY; row += g.rows) {
        const firstX = beginX - g.seenX;
        packChannelsLast(g, ofDy, images, channels, row - g.seenY, firstX, g.paddedHeight, packed);
        let panels = weights;
        for (let ky = 0; ky < phasesY; ky++) {
          const tapsY = tapsFrom(ky, g.kernelHeight, g.periodY);
          for (let kx = 0; kx < phasesX; kx++) {
            const tapsX = tapsFrom(kx, g.kernelWidth, g.periodX);
            const all = writePhase(g, ky, kx, images, channels, row, beginX, packed, pixels);
            choosePath(path, tapsY, tapsX, g.stepY, g.stepX, g.paddedWidth, channels);
            const panelBytes = bytesOf(tapsY * tapsX, channels << 3);
            multiply(path, panels, panelBytes, filters, pixels, all, ofDx, (<usize>plane) << 2, sums);
            panels += <usize>((filters + 7) >> 3) * panelBytes;
          }
        }
      }
    }
  }
}

/** How many taps a phase has that begins with this one. */
function tapsFrom(first: i32, kernel: i32, period: i32): i32 {
  return (kernel - 1 - first) / period + 1;
}

/** w [channels][filters][taps] as panels of each phase, [tap, the last first][channel][8 filters]. */
function packPhases(g: InputGeometry, w: usize, channels: i32, filters: i32, to: usize): void {
  const stride = bytesOf(g.kernelHeight, g.kernelWidth);
  const step = <usize>filters * stride;
  for (let firstY = 0; firstY < min(g.kernelHeight, g.periodY); firstY++) {
    const lastY = firstY + (tapsFrom(firstY, g.kernelHeight, g.periodY) - 1) * g.periodY;
    for (let firstX = 0; firstX < min(g.kernelWidth, g.periodX); firstX++) {
      const lastX = firstX + (tapsFrom(firstX, g.kernelWidth, g.periodX) - 1) * g.periodX;
      for (let p = 0; p < filters; p += 8) {
        const panel = w + <usize>p * stride;
        for (let ky = lastY; ky >= 0; ky -= g.periodY) {
          for (let kx = lastX; kx >= 0; kx -= g.periodX) {
            const tap = (<usize>(ky * g.kernelWidth + kx)) << 2;
            to = packTap(panel + tap, min(8, filters - p), stride, channels, step, to);
          }
        }
      }
    }
  }
}

/**
 * For each pixel of a phase, which begins with the tap (ky, kx), that the rows of a chunk have: where what it sees begins, and where it
 * goes, from the chunk's first image on. The last one is there thrice more. Rows behind the last go nowhere. Gives how many there are.
 */
function writePhase(
  g: InputGeometry,
  ky: i32,
  kx: i32,
  images: i32,
  channels: i32,
  row: i32,
  beginX: i32,
  packed: usize,
  to: usize,
): i32 {
  const pixel = (<usize>channels) << 2;
  const shiftY = ((ky * g.dilationY) % g.strideY) - g.top;
  const shiftX = ((kx * g.dilationX) % g.strideX) - g.left;
  // The last tap sees the first pixel.
  const fromY =
    g.seenY - (ky * g.dilationY) / g.strideY - (tapsFrom(ky, g.kernelHeight, g.periodY) - 1) * g.stepY;
  const fromX =
    g.seenX - (kx * g.dilationX) / g.strideX - (tapsFrom(kx, g.kernelWidth, g.periodX) - 1) * g.stepX;
  const begin = to;
  for (let image = 0; image < images; image++) {
    for (let r = 0; r < g.rows; r++) {
      const y = (row + r) * g.strideY + shiftY;
      if (y < 0 || y >= g.outHeight) continue;
      const out = bytesOf(image * g.filters * g.outHeight + y, g.outWidth);
      let from = packed + <usize>((image * g.paddedHeight + r + fromY) * g.paddedWidth + fromX) * pixel;
      let x = beginX * g.strideX + shiftX;
      for (let column = 0; column < g.columns; column++) {
        if (x >= 0 && x < g.outWidth) {
          store<usize>(to, from);
          store<usize>(to, out + ((<usize>x) << 2), 4);
          to += 8;
        }
        from += pixel;
        x += g.strideX;
      }
    }
  }
  const count = <i32>((to - begin) >> 3);
  if (count > 0) {
    for (let i = 0; i < 3; i++) {
      store<u64>(to, load<u64>(to - 8));
      to += 8;
    }
  }
  return count;
}
