/** Normalisation layers: the output has the shape of the input, statistics that of the channels. */
import { intAttribute } from '../attributes.ts';
import { normalAxes, type ShapeRules } from './rule.ts';

export const normalisation: ShapeRules = {
  BatchNormalization: (node, [x, scale]) => node.outputs.map((_, i) => (i === 0 ? (x ?? []) : (scale ?? []))),
  InstanceNormalization: (_, [x]) => [x ?? []],
  GroupNormalization: (_, [x]) => [x ?? []],
  LayerNormalization: (node, [x = []]) => {
    const [axis = 0] = normalAxes(node, [intAttribute(node, 'axis', -1)], x.length);
    const statistics = x.map((size, i) => (i < axis ? size : 1));
    return node.outputs.map((_, i) => (i === 0 ? x : statistics));
  },
  LpNormalization: (_, [x]) => [x ?? []],
};
