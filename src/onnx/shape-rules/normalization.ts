/** Normalization layers: the output has the shape of the input, statistics that of the channels. */
import { intAttribute } from '../attributes.ts';
import type { Node, Shape } from '../graph.ts';
import { misfit, normalAxes, onto, type ShapeRule, type ShapeRules } from './rule.ts';

/** The input; the others are a value a channel. */
function perChannel(node: Node, [x = [], ...others]: readonly Shape[]): Shape {
  const wrong = others.find((shape) => shape.length !== 1 || shape[0] !== x[1]);
  if (x.length >= 2 && !wrong) return x;
  throw misfit(node, `[${wrong ?? []}] is not one value for each channel of [${x}]`);
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
