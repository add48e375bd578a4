import { MocoError } from '../errors.ts';
import type { GraphBuilder, Shape } from '../onnx/graph.ts';
import { reshape } from './rule.ts';

/**
 * A value of shape `from` as one of shape `to`, where sizes may be open: such a size is kept where it stands at the same
 * place, and computed when the graph runs where it does not.
 * @throws MocoError operator-unsupported where two sizes would have to be computed
 */
export function reshapeTo(g: GraphBuilder, x: string, from: Shape, to: Shape): string {
  if (String(from) === String(to)) return x;
  const target = to.map((size, axis) => (typeof size === 'number' ? size : from[axis] === size ? 0 : -1));
  if (target.filter((size) => size === -1).length > 1) {
    throw new MocoError(
      'operator-unsupported',
      `[${from}] is not reshaped to [${to}]: more than one size would have to be computed when the graph runs`,
    );
  }
  return reshape(g, x, target);
}
