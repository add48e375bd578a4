/** Operators that work element by element. */
import type { Shape } from '../graph.ts';
import { broadcast, onto, type ShapeRule, type ShapeRules } from './rule.ts';

const UNARY = (
  'Identity Dropout Cast Relu LeakyRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish ' +
  'Tanh Softplus Softsign Mish Gelu Erf Softmax LogSoftmax Clip Exp Log Sqrt Reciprocal Abs Neg Sign Floor Ceil Round Sin Cos Tan Not Trilu'
).split(' ');
const BROADCASTING = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Min', 'Max', 'Sum', 'Mean', 'Where'],
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Xor'],
];

const sameAsFirst: ShapeRule = (node, [x]) => node.outputs.map(() => x ?? []);
const broadcastAll: ShapeRule = (node, inputs) => [
  inputs.reduce<Shape>((shape, input) => broadcast(node, shape, input), inputs[0] ?? []),
];

export const pointwise: ShapeRules = Object.fromEntries([
  ...UNARY.map((op) => [op, sameAsFirst] as const),
  ...BROADCASTING.map((op) => [op, broadcastAll] as const),
  ['PRelu', ((node, [x = [], slope = []]) => [onto(node, x, slope)]) satisfies ShapeRule] as const,
]);
