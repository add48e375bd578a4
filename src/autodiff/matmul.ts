/**
 * MatMul (numpy.matmul): y = A·B over the last two axes, the others broadcast; a vector is a row on the left and a column
 * on the right.
 *
 *   dA = dy·Bᵀ     dB = Aᵀ·dy     each summed over what was broadcast
 */
import { product } from '../onnx/dims.ts';
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { sumTo } from './broadcast.ts';
import { reshapeTo } from './reshape.ts';
import { type BackwardScope, type Rule, transpose } from './rule.ts';

/** Weights of so many values give a Gemm on WebGPU tiles enough: 256 of 32×32. */
const ENOUGH_TILES = 2 ** 18;

export const matMul: Rule = {
  backward(node: Node, dOutput: string, scope: BackwardScope) {
    const { g } = scope;
    const [a = '', b = ''] = node.inputs;
    const [aShape, bShape] = [scope.shape(a), scope.shape(b)];
    const left: Shape = aShape.length === 1 ? [1, ...aShape] : aShape;
    const right: Shape = bShape.length === 1 ? [...bShape, 1] : bShape;
    const full = matrixShape(scope.shape(node.outputs[0]!), aShape.length === 1, bShape.length === 1);
    const dy = reshapeTo(g, dOutput, scope.shape(node.outputs[0]!), full);
    const batch = full.slice(0, -2);

    const dA = () => {
      const values = reshapeTo(g, scope.value(b), bShape, right);
      const d = g.op('MatMul', [dy, swapLast(g, values, right.length)]);
      return reshapeTo(g, sumTo(g, d, [...batch, ...left.slice(-2)], left), left, aShape);
    };
    const dB = () => {
      const values = reshapeTo(g, scope.value(a), aShape, left);
      const d =
        right.length === 2 && left.length > 2
          ? sharedFactor(scope, values, dy, { left, full, right })
          : sumTo(
              g,
              g.op('MatMul', [swapLast(g, values, left.length), dy]),
              [...batch, ...right.slice(-2)],
              right,
            );
      return reshapeTo(g, d, right, bShape);
    };
    return [scope.wants(a) ? dA() : null, scope.wants(b) ? dB() : null];
  },
};

interface Shapes {
  readonly left: Shape;
  readonly full: Shape;
  readonly right: Shape;
}

/**
 * Aᵀ·dy summed over all batch axes: one Gemm over all rows. On WebGPU, whose Gemm has no split-K, small weights would keep
 * a few workgroups busy: there a MatMul for each index of the first axis, and the sum over these.
 */
function sharedFactor(scope: BackwardScope, a: string, dy: string, { left, full, right }: Shapes): string {
  const { g, lowering } = scope;
  if (lowering.hasSplitK || Number(product(right)) >= ENOUGH_TILES) {
    const rows = product(left.slice(0, -1));
    const flat = (value: string, shape: Shape) => reshapeTo(g, value, shape, [rows, shape.at(-1)!]);
    return g.op('Gemm', [flat(a, left), flat(dy, full)], { transA: 1 });
  }
  const rows = product(left.slice(1, -1));
  const flat = (value: string, shape: Shape) => reshapeTo(g, value, shape, [shape[0]!, rows, shape.at(-1)!]);
  const products = g.op('MatMul', [swapLast(g, flat(a, left), 3), flat(dy, full)]);
  return sumTo(g, products, [left[0]!, ...right], right);
}

/** The shape of y with the axes that vectors lost. */
function matrixShape(y: Shape, isRow: boolean, isColumn: boolean): Shape {
  const columns = isColumn ? [...y, 1] : y;
  return isRow ? [...columns.slice(0, -1), 1, ...columns.slice(-1)] : columns;
}

function swapLast(g: GraphBuilder, x: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(g, x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}
