/**
 * A convolution, as a product of matrices none of which is ever whole in memory (implicit GEMM):
 *
 *     y[f, pixel] = Σ over taps (ky, kx) and channels c of w[f, c, ky, kx] · x[c, pixel·stride + (ky, kx)·dilation − pad]
 *
 * Output pixels are taken in chunks (src/kernels/convolution.ts chooses them by the shape alone). Of a chunk, x is copied with its
 * padding and its channels last, so that the channels of all taps of a row lie one after the other; weights are packed to panels
 * of 8 filters in the same order, [ky][kx][c][8]. Then each tile of 8 filters × 4 pixels goes through the taps (convolution-tile.ts).
 * Strides, dilations and the ends of rows and images are addresses: nothing is computed for pixels that are not there. A sum runs
 * over (ky, kx, c) in this order, so that no bit depends on how images are shared out.
 *
 * Floor: 2·pixels·filters·taps·channels flop (bench/convolution.mjs has the gap).
 */

import { bytesOf, Geometry } from './conv-packing';
import { packChannelsLast, packWeights, writePixels } from './convolution-packing';
import { choosePath, multiply, PATH, Path, SUMS } from './convolution-tile';

/**
 * x [batch, channels, height, width], w [filters, channels/groups, kernel] → y [batch, filters, outHeight, outWidth]: of the
 * images from `first` on, `count` of them.
 * scratch: as many bytes as src/kernels/ says, whatever they are.
 */
export function convolution(
  x: usize,
  w: usize,
  y: usize,
  geometry: usize,
  first: i32,
  count: i32,
  scratch: usize,
): void {
  const g = changetype<Geometry>(geometry);
  const channels = g.channels / g.groups;
  const filters = g.filters / g.groups;
  const panels = (filters + 7) >> 3;
  const taps = channels * g.kernelHeight * g.kernelWidth;
  const panelBytes = (<usize>taps) << 5;
  const plane = g.outHeight * g.outWidth;
  const path = changetype<Path>(scratch);
  choosePath(path, g.kernelHeight, g.kernelWidth, g.dilationY, g.dilationX, g.paddedWidth, channels);
  const sums = scratch + PATH;
  const weights = sums + SUMS;
  const pixels = weights + <usize>panels * panelBytes;
  const packed = pixels + ((<usize>(g.images * g.rows * g.outWidth + 3)) << 3);
  const end = first + count;
  for (let group = 0; group < g.groups; group++) {
    packWeights(
      w + bytesOf(group * filters, taps),
      filters,
      channels,
      g.kernelHeight * g.kernelWidth,
      weights,
    );
    for (let image = first; image < end; image += g.images) {
      const images = min(g.images, end - image);
      for (let row = 0; row < g.outHeight; row += g.rows) {
        const rows = min(g.rows, g.outHeight - row);
        const ofX = x + bytesOf(image * g.channels + group * channels, g.height * g.width);
        const height = (rows - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1;
        packChannelsLast(g, ofX, images, channels, row * g.strideY - g.top, -g.left, height, packed);
        const all = images * rows * g.outWidth;
        writePixels(g, images, channels, rows, packed, pixels);
        const ofY = y + bytesOf(image * g.filters + group * filters, plane) + bytesOf(row, g.outWidth);
        multiply(path, weights, panelBytes, filters, pixels, all, ofY, (<usize>plane) << 2, sums);
      }
    }
  }
}
