/** Operators that only rename, permute or repeat elements. */
import { intsAttribute } from '../onnx/attributes.ts';
import type { Node, Shape } from '../onnx/graph.ts';
import { constantInts } from '../onnx/shape-rules/rule.ts';
import { sumTo } from './broadcast.ts';
import { reshapeTo } from './reshape.ts';
import { type BackwardScope, type Rule, transpose } from './rule.ts';

/** Reshape, Flatten, Squeeze, Unsqueeze: the same elements in the same order, so the gradient goes back into the shape of x. */
export const renamed: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    return [reshapeTo(scope.g, dy, scope.shape(node.outputs[0]!), scope.shape(node.inputs[0]!))];
  },
};

/** y[…, i_perm, …] = x: the gradient takes the inverse permutation. */
export const transposed: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const axes = [...scope.shape(node.inputs[0]!).keys()];
    const perm = intsAttribute(node, 'perm', axes.toReversed()).map(
      (axis) => (axis + axes.length) % axes.length,
    );
    return [
      transpose(
        scope.g,
        dy,
        axes.map((axis) => perm.indexOf(axis)),
      ),
    ];
  },
};

/** Expand: sums over what was repeated. */
export const expand: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    return [sumTo(scope.g, dy, scope.shape(node.outputs[0]!), scope.shape(node.inputs[0]!))];
  },
};

/** Tile: each repeated axis of size r·n is one of r and one of n; the sum goes over the first. */
export const tile: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const shape = scope.shape(node.inputs[0]!);
    const repeats = constantInts(node, 1, scope);
    const apart: Shape = shape.flatMap((size, axis) =>
      repeats[axis] === 1 ? [size] : [repeats[axis]!, size],
    );
    const once: Shape = shape.flatMap((size, axis) => (repeats[axis] === 1 ? [size] : [1, size]));
    const split = reshapeTo(g, dy, scope.shape(node.outputs[0]!), apart);
    return [reshapeTo(g, sumTo(g, split, apart, once), once, shape)];
  },
};
