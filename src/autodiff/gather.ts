/**
 * Gather along an axis by indices that are constants: y[…, k, …] = x[…, index k, …]. An element of x takes the gradients
 * of all places that it went to. Indices that ascend by one are a piece of the axis, whose gradient only needs margins of
 * zeros; for others the gradients are summed by a product with the 0/1 matrix [size, indices], which no provider gets wrong
 * and whose sums have a fixed order.
 */
import { intAttribute } from '../onnx/attributes.ts';
import { count, product } from '../onnx/dims.ts';
import type { Node, Shape } from '../onnx/graph.ts';
import { constantInts, fixed, normalAxes } from '../onnx/shape-rules/rule.ts';
import { padAxis } from './concat.ts';
import { reshapeTo } from './reshape.ts';
import type { BackwardScope, Rule } from './rule.ts';

export const gather: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', indexName = ''] = node.inputs;
    const shape = scope.shape(x);
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', 0)], shape.length);
    const size = fixed(node, shape[axis]);
    const indices = constantInts(node, 1, scope).map((index) => (index < 0 ? index + size : index));
    const taken = count(scope.shape(indexName).map(Number));
    const before = shape.slice(0, axis);
    const after = shape.slice(axis + 1);
    const y = scope.shape(node.outputs[0]!);
    const [first = 0] = indices;
    if (indices.every((index, k) => index === first + k)) {
      const piece = reshapeTo(g, dy, y, [...before, taken, ...after]);
      const margins = { rank: shape.length, axis, before: first, after: size - first - taken };
      return [padAxis(g, piece, margins)];
    }
    const matrix: Shape = [...(axis > 0 ? [product(before)] : []), taken, product(after)];
    const data = new Float32Array(size * taken);
    indices.forEach((index, k) => {
      data[index * taken + k] = 1;
    });
    const places = g.constant(g.fresh('places'), { type: 'float32', shape: [size, taken], data });
    const sums = g.op('MatMul', [places, reshapeTo(g, dy, y, matrix)]);
    return [reshapeTo(g, sums, matrix.with(-2, size), shape)];
  },
};
