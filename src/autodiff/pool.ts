/** Pooling. */
import { windowOf, windowOutput } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import { type BackwardScope, type Rule, reshape } from './rule.ts';

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
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const x = node.inputs[0]!;
    const [, channels, height, width] = image(node, scope.shape(x));
    const window = windowOf(node, [height, width]);
    const [kh, kw] = window.kernel;
    const [sh, sw] = window.strides;
    const [top, left, bottom, right] = window.pads;
    const [oh, ow] = windowOutput(window, height, width);
    const taps = kh * kw;
    // Pooled again, from the very values that it is compared with: x may be computed anew here, by other shaders than in
    // the forward pass, and a difference of one rounding would leave no tap equal.
    const y = g.op('MaxPool', [scope.value(x)], node.attributes);
    const pads = g.ints([0, 0, top, left, 0, 0, bottom, right]);
    const padded = g.op('Pad', [scope.value(x), pads, g.scalar(LOWEST)]);

    const shares: string[] = [];
    let free: string | null = null;
    for (let tap = 0; tap < taps; tap++) {
      const i = Math.floor(tap / kw);
      const j = tap % kw;
      const end = g.ints([i + (oh - 1) * sh + 1, j + (ow - 1) * sw + 1]);
      const seen = g.op('Slice', [padded, g.ints([i, j]), end, g.ints([2, 3]), g.ints([sh, sw])]);
      const equal = g.op('Cast', [g.op('Equal', [seen, y])], { to: 1 });
      const chosen: string = free === null ? equal : g.op('Mul', [equal, free]);
      free = free === null ? g.op('Sub', [g.scalar(1), equal]) : g.op('Sub', [free, chosen]);
      shares.push(reshape(g, g.op('Mul', [dy, chosen]), [-1, 1, oh, ow]));
    }
    const outputPadding = [
      height - ((oh - 1) * sh + kh - top - bottom),
      width - ((ow - 1) * sw + kw - left - right),
    ];
    const stacked = taps === 1 ? shares[0]! : g.op('Concat', shares, { axis: 1 });
    const dx = g.op('ConvTranspose', [stacked, oneHotKernels(g, kh, kw)], {
      kernel_shape: [kh, kw],
      strides: [sh, sw],
      pads: [top, left, bottom, right],
      output_padding: outputPadding,
    });
    return [reshape(g, dx, [-1, channels, height, width])];
  },
};

/** [taps, 1, kh, kw]: kernel t is 1 at tap t. */
function oneHotKernels(g: BackwardScope['g'], kh: number, kw: number): string {
  const taps = kh * kw;
  const data = Float32Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  return g.constant(g.fresh('onehot'), { type: 'float32', shape: [taps, 1, kh, kw], data });
}

/** y = mean over space: every pixel takes dy / (H·W). */
export const globalAveragePool: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [, , height, width] = image(node, scope.shape(node.inputs[0]!));
    const share = g.op('Mul', [dy, g.scalar(1 / (height * width))]);
    return [g.op('Expand', [share, g.ints([1, 1, height, width])])];
  },
};
