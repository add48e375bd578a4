/** Where in an image batch its channels, height and width are. */
import { MocoError } from '../errors.ts';
import type { Shape } from './graph.ts';

export interface ImageLayout {
  readonly name: 'NCHW' | 'NHWC';
  /** Axis of the channels; height and width are the other two behind the batch. */
  readonly channels: 1 | 3;
  readonly height: 1 | 2;
  readonly width: 2 | 3;
}

const NCHW: ImageLayout = { name: 'NCHW', channels: 1, height: 2, width: 3 };
const NHWC: ImageLayout = { name: 'NHWC', channels: 3, height: 1, width: 2 };

/** The layout of [batch, …] of four dimensions: 3 channels, or else 1, tell it; null for another number of dimensions. */
export function layoutOf(shape: Shape): ImageLayout | null {
  if (shape.length !== 4) return null;
  for (const channels of [3, 1]) {
    if (shape[1] === channels) return NCHW;
    if (shape[3] === channels) return NHWC;
  }
  return NCHW;
}

/**
 * The layout of the images of an encoder whose sizes but the batch are known.
 * @throws MocoError usage for other than square images of 3 channels or 1
 */
export function requireImages({ name, shape }: { name: string; shape: Shape }): ImageLayout {
  const layout = layoutOf(shape);
  if (!layout) {
    throw usage(`input ${name} [${shape}] is no batch of images: [batch, 3, height, width] is`);
  }
  const [channels, height, width] = [shape[layout.channels], shape[layout.height], shape[layout.width]];
  if (channels !== 3 && channels !== 1) {
    throw usage(`input ${name} [${shape}] takes ${channels} channels: images have 3, gray ones 1`);
  }
  if (height === width) return layout;
  throw usage(
    `input ${name} [${shape}] takes ${height}×${width} pixels: views are squares, export the model for these`,
  );
}

function usage(what: string): MocoError {
  return new MocoError('usage', what);
}
