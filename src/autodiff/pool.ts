/** Pooling over windows. Each channel is an image of its own on the way back. */
import { intAttribute, type Window, windowOf, windowOutput } from '../onnx/attributes.ts';
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import { extent, fromImage, toImage, wayBack, windowAttributes, withoutCeil } from './images.ts';
import { type BackwardScope, copyNode, type LoweringScope, type Rule, reshape } from './rule.ts';
import { tapsOf } from './taps.ts';

/** Below every finite activation: what a maximum over padding must never choose. */
const LOWEST = -3.4028234e38;

/**
 * Max-pool. The first maximum of a window in row-major order takes the gradient, as PyTorch's CPU kernel has it. The
 * operator's own Indices output fails on the WebGPU provider, so the position is found again: for each tap of the
 * window, what the tap sees is compared with the output, and a tap that another has gone before is passed over. The
 * taps' shares are put back in place by a ConvTranspose whose kernels are one-hot, each channel an image of its own: the
 * WebGPU provider gives wrong values where ConvTranspose has groups of an even number of channels in and one out.
 */
export const maxPool: Rule = {
  lower(node: Node, scope: LoweringScope): void {
    // Until opset 19 ceil_mode does not say whether a window may begin in the padding at the end, so pads say it.
    if (intAttribute(node, 'ceil_mode', 0) === 0) {
      copyNode(scope.g, node);
      return;
    }
    const { length: rank } = scope.shape(node.inputs[0]!);
    const [, , height, width] = image(node, scope.shape(node.inputs[0]!));
    const window = withoutCeil(windowOf(node, [height, width]), [height, width]);
    maximum(scope.g, node.inputs[0]!, window, rank, node.outputs[0]);
  },

  backward(node: Node, dOutput: string, scope: BackwardScope) {
    const { g } = scope;
    const x = node.inputs[0]!;
    const shape = scope.shape(x);
    const [, channels, height, width] = image(node, shape);
    const window = withoutCeil(windowOf(node, [height, width]), [height, width]);
    const [oh, ow] = windowOutput(window, height, width);
    const dy = toImage(g, dOutput, shape);
    const seen = toImage(g, scope.value(x), shape);
    // Pooled again, from the very values that it is compared with: x may be computed anew here, by other shaders than in
    // the forward pass, and a difference of one rounding would leave no tap equal.
    const y = maximum(g, seen, window, 4);

    const shares: string[] = [];
    let free: string | null = null;
    for (const tap of tapsOf(g, seen, { window, x: [channels, height, width] }, { fill: LOWEST })) {
      const equal = g.op('Cast', [g.op('Equal', [tap, y])], { to: 1 });
      const chosen: string = free === null ? equal : g.op('Mul', [equal, free]);
      free = free === null ? g.op('Sub', [g.scalar(1), equal]) : g.op('Sub', [free, chosen]);
      shares.push(reshape(g, g.op('Mul', [dy, chosen]), [-1, 1, oh, ow]));
    }
    const stacked = shares.length === 1 ? shares[0]! : g.op('Concat', shares, { axis: 1 });
    const dx = scatter(g, stacked, oneHotKernels(g, window.kernel), window, [height, width]);
    return [fromImage(g, reshape(g, dx, [-1, channels, height, width]), shape)];
  },
};

/**
 * Average-pool: y = Σ of a window / n, where n is its size, or the number of pixels in it that are of the image (and of
 * its padding, with count_include_pad). dx = the sum over the windows that a pixel is in of dy / n. What sticks out of the
 * padding in ceil_mode never counts, as in PyTorch.
 */
export const averagePool: Rule = {
  lower(node: Node, scope: LoweringScope): void {
    const { g } = scope;
    const shape = scope.shape(node.inputs[0]!);
    if (intAttribute(node, 'ceil_mode', 0) === 0) {
      copyNode(g, node);
      return;
    }
    const { window, counts } = countsOf(node, shape);
    const [size] = [window.kernel[0] * window.kernel[1]];
    const attributes = explicit(node, shape);
    // Without count_include_pad the operator counts as we do, whatever the pads are for.
    if (intAttribute(node, 'count_include_pad', 0) === 0 || counts.every((count) => count === size)) {
      copyNode(g, node, attributes);
      return;
    }
    const means = g.op('AveragePool', [node.inputs[0]!], attributes);
    const factors = counts.map((count) => size / count);
    const map = perWindow(g, factors, scope.shape(node.outputs[0]!).slice(2).map(Number));
    g.op('Mul', [means, map], {}, node.outputs[0]);
  },

  backward(node: Node, dOutput: string, scope: BackwardScope) {
    const { g } = scope;
    const shape = scope.shape(node.inputs[0]!);
    const [, channels, height, width] = image(node, shape);
    const { window, counts } = countsOf(node, shape);
    const { kernel, pads } = window;
    const [oh, ow] = windowOutput(window, height, width);
    const dy = toImage(g, dOutput, shape);
    const size = kernel[0] * kernel[1];
    const isStride1 = window.strides.every((stride) => stride === 1);
    // At stride 1 the sums over windows are an average pool again, which takes size times too little.
    const factors = counts.map((count) => (isStride1 ? size : 1) / count);
    const shares = g.op('Mul', [dy, perWindow(g, factors, [oh, ow])]);
    let dx: string;
    if (isStride1) {
      const [h, v] = [extent(window, 0) - 1, extent(window, 1) - 1];
      const back = { ...window, pads: [h - pads[0], v - pads[1], h - pads[2], v - pads[3]] as const };
      dx = g.op('AveragePool', [shares], { ...windowAttributes(back), count_include_pad: 1 });
    } else {
      const ones = {
        type: 'float32',
        shape: [1, 1, ...kernel],
        data: new Float32Array(size).fill(1),
      } as const;
      const kernels = g.constant(g.fresh('ones'), ones);
      const sums = scatter(g, reshape(g, shares, [-1, 1, oh, ow]), kernels, window, [height, width]);
      dx = reshape(g, sums, [-1, channels, height, width]);
    }
    return [fromImage(g, dx, shape)];
  },
};

/** A MaxPool. onnxruntime takes no pads as large as the kernel, which ceil_mode may need: those come before. */
function maximum(g: GraphBuilder, x: string, window: Window, rank: number, output?: string): string {
  const { kernel, pads } = window;
  if (pads.every((pad, i) => pad < kernel[i % 2]!)) {
    return g.op('MaxPool', [x], windowAttributes(window, rank), output);
  }
  const [top, left, bottom, right] = pads;
  const margins = rank === 3 ? [0, 0, left, 0, 0, right] : [0, 0, top, left, 0, 0, bottom, right];
  const padded = g.op('Pad', [x, g.ints(margins), g.scalar(LOWEST)]);
  return g.op('MaxPool', [padded], windowAttributes({ ...window, pads: [0, 0, 0, 0] }, rank), output);
}

/** The attributes of a pooling node with all of its pads written out. */
function explicit(node: Node, shape: Shape): Node['attributes'] {
  const [, , height, width] = image(node, shape);
  const window = withoutCeil(windowOf(node, [height, width]), [height, width]);
  const { auto_pad: _, ...attributes } = node.attributes;
  return { ...attributes, ...windowAttributes(window, shape.length), ceil_mode: 0 };
}

/** The window with its pads written out, and the number that each window's sum is divided by, in row-major order. */
function countsOf(node: Node, shape: Shape): { window: Window; counts: number[] } {
  const [, , height, width] = image(node, shape);
  const given = windowOf(node, [height, width]);
  const window = withoutCeil(given, [height, width]);
  const padded = intAttribute(node, 'count_include_pad', 0) !== 0;
  const outputs = windowOutput(window, height, width);
  const along = (axis: 0 | 1, size: number) =>
    Array.from({ length: outputs[axis] }, (_, i) => {
      const start = i * window.strides[axis] - given.pads[axis];
      const taps = Array.from(
        { length: window.kernel[axis] },
        (_, tap) => start + tap * window.dilations[axis],
      );
      const end = size + (padded ? given.pads[axis + 2]! : 0);
      return taps.filter((at) => (padded || at >= 0) && at < end).length;
    });
  const columns = along(1, width);
  return { window, counts: along(0, height).flatMap((rows) => columns.map((column) => rows * column)) };
}

/** A number for each window as a constant that broadcasts over batch and channels: a scalar where all are the same. */
function perWindow(g: GraphBuilder, values: readonly number[], space: readonly number[]): string {
  if (values.every((value) => value === values[0])) return g.scalar(values[0] ?? 1);
  const data = Float32Array.from(values);
  return g.constant(g.fresh('windows'), { type: 'float32', shape: [1, 1, ...space], data });
}

/** Σ over windows and kernels of [images, kernels, oh, ow], each window's value times its kernel → [images, 1, H, W]. */
function scatter(
  g: GraphBuilder,
  values: string,
  kernels: string,
  window: Window,
  size: readonly [number, number],
): string {
  const { pads, outputPadding } = wayBack(window, size);
  const attributes = windowAttributes({ ...window, pads });
  return g.op('ConvTranspose', [values, kernels], { ...attributes, output_padding: outputPadding });
}

/** [taps, 1, kh, kw]: kernel t is 1 at tap t. */
function oneHotKernels(g: GraphBuilder, [kh, kw]: readonly [number, number]): string {
  const taps = kh * kw;
  const data = Float32Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  return g.constant(g.fresh('onehot'), { type: 'float32', shape: [taps, 1, kh, kw], data });
}
