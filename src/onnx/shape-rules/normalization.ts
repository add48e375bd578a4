/** Normalization layers: the output has the shape of the input, statistics that of the channels. */
import { intAttribute } from '../attributes.ts';
import type { Node, Shape } from '../graph.ts';
import { fixed, misfit, normalAxes, onto, type ShapeRule, type ShapeRules } from './rule.ts';

/** The input; the others are a value a channel. */
function perChannel(node: Node, [x = [], ...others]: readonly Shape[]): Shape {
  const wrong = others.find((shape) => shape.length !== 1 || shape[0] !== x[1]);
  if (x.length >= 2 && !wrong) return x;
  throw misfit(node, `[${wrong ?? []}] is not one value for each channel of [${x}]`);
}

/** The shape in which one value a channel broadcasts, and the axes that are not the channels. */
export function channelsAxis(
  node: Node,
  x: Shape,
): { perChannel: readonly number[]; others: readonly number[] } {
  if (x.length < 2) throw misfit(node, `[${x}] has no channels`);
  const channels = fixed(node, x[1]);
  return {
    perChannel: x.map((_, axis) => (axis === 1 ? channels : 1)),
    others: [...x.keys()].filter((axis) => axis !== 1),
  };
}

const sameAsFirst: ShapeRule = (_, [x = []]) => [x];

export const normalization: ShapeRules = {
  BatchNormalization: (node, inputs) => {
    const x = perChannel(node, inputs);
    return node.outputs.map((_, i) => (i === 0 ? x : [x[1]!]));
  },
  InstanceNormalization: (node, inputs) => [perChannel(node, inputs)],
  LayerNormalization: (node, [x = [], scale = [], bias = []]) => {
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', -1)], x.length);
    onto(node, onto(node, x, scale), bias);
    const statistics = x.map((size, i) => (i < axis ? size : 1));
    return node.outputs.map((_, i) => (i === 0 ? x : statistics));
  },
  LpNormalization: sameAsFirst,
};
