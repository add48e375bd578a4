/** Operators that slide a window over an image: convolutions and pooling. */
import {
  intAttribute,
  intsAttribute,
  outputPaddingOf,
  stringAttribute,
  type Window,
  windowOf,
  windowOutput,
} from '../attributes.ts';
import type { Dim, Node, Shape } from '../graph.ts';
import { fixed, misfit, type ShapeRule, type ShapeRules, unsupported } from './rule.ts';

/**
 * [batch, channels, height, width] of an image tensor; [batch, channels, length] is an image of height 1.
 * @throws MocoError operator-unsupported for more dimensions, shape-mismatch for fewer
 */
export function image(node: Node, shape: Shape | undefined): [Dim, number, number, number] {
  if (shape?.length === 3) return [shape[0]!, fixed(node, shape[1]), 1, fixed(node, shape[2])];
  if (shape && shape.length > 4)
    throw unsupported(node, `${shape.length - 2} dimensions of space, at most 2`);
  if (shape?.length !== 4) throw misfit(node, `expected [N, C, H, W] or [N, C, L], got [${shape}]`);
  return [shape[0]!, fixed(node, shape[1]), fixed(node, shape[2]), fixed(node, shape[3])];
}

/** Rows and columns of the channels of weights, which have as many dimensions as the image. */
function filtersOf(node: Node, x: Shape | undefined, w: Shape | undefined): readonly [number, number] {
  if (w?.length !== x?.length) throw misfit(node, `weights [${w}] do not fit [${x}]`);
  return [fixed(node, w?.[0]), fixed(node, w?.[1])];
}

/** An output image in as many dimensions as the input has. */
function like(
  x: Shape | undefined,
  [batch, channels, height, width]: readonly [Dim, Dim, number, number],
): Shape {
  return x?.length === 3 ? [batch, channels, width] : [batch, channels, height, width];
}

function windowed(node: Node, window: Window, height: number, width: number): [number, number] {
  const [oh, ow] = windowOutput(window, height, width);
  if (oh > 0 && ow > 0) return [oh, ow];
  throw misfit(node, `a window of [${window.kernel}] does not fit [${height}, ${width}]`);
}

const pooled: ShapeRule = (node, [x]) => {
  const [batch, channels, height, width] = image(node, x);
  const shape = like(x, [batch, channels, ...windowed(node, windowOf(node, [height, width]), height, width)]);
  return node.outputs.map(() => shape);
};

const globallyPooled: ShapeRule = (node, [x]) => {
  const [batch, channels] = image(node, x);
  return [like(x, [batch, channels, 1, 1])];
};

export const windows: ShapeRules = {
  Conv: (node, [x, w]) => {
    const [batch, channels, height, width] = image(node, x);
    const [filters, perGroup] = filtersOf(node, x, w);
    const group = intAttribute(node, 'group', 1);
    if (perGroup * group !== channels || filters % group !== 0) {
      throw misfit(node, `weights [${w}] do not fit ${channels} channels`);
    }
    const window = windowOf(node, [height, width], w!.slice(2).map(Number));
    return [like(x, [batch, filters, ...windowed(node, window, height, width)])];
  },
  ConvTranspose: (node, [x, w]) => {
    const [batch, channels, height, width] = image(node, x);
    const [inputs, perGroup] = filtersOf(node, x, w);
    const group = intAttribute(node, 'group', 1);
    if (inputs !== channels || inputs % group !== 0) {
      throw misfit(node, `weights [${w}] do not fit ${channels} channels`);
    }
    // Both say how large the output is, and leave the pads to be worked out from it; no exporter of torch writes them.
    if (intsAttribute(node, 'output_shape', []).length > 0) throw unsupported(node, 'output_shape');
    if (stringAttribute(node, 'auto_pad', 'NOTSET').startsWith('SAME'))
      throw unsupported(node, 'auto_pad SAME');
    const { kernel, strides, pads, dilations } = windowOf(node, [height, width], w!.slice(2).map(Number));
    const [extraHeight, extraWidth] = outputPaddingOf(node);
    const size = (length: number, axis: 0 | 1) =>
      (length - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] - pads[axis + 2]!;
    const oh = size(height, 0) + extraHeight;
    const ow = size(width, 1) + extraWidth;
    if (oh < 1 || ow < 1) throw misfit(node, `its pads leave nothing of [${x}]`);
    return [like(x, [batch, perGroup * group, oh, ow])];
  },
  MaxPool: pooled,
  AveragePool: pooled,
  GlobalAveragePool: globallyPooled,
  GlobalMaxPool: globallyPooled,
};
