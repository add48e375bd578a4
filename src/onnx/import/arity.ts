/** How many inputs and outputs operators have: an absent input is found here, once, and not by whoever reads it. */
import { MocoError } from '../../errors.ts';
import type { Node } from '../graph.ts';

interface Arity {
  /** Inputs that have to be there: the first so many. */
  readonly required: number;
  /** With those that may be left out. */
  readonly most: number;
}

const MANY = 2 ** 20;

/** Required inputs of the oldest form that is read, inputs of the newest. */
const FORMS: readonly (readonly [required: number, most: number, operators: string])[] = [
  [0, 0, 'Constant'],
  [
    1,
    1,
    'Identity Cast Relu LeakyRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Mish ' +
      'Gelu Erf Softmax LogSoftmax Exp Log Sqrt Reciprocal Abs Neg Sign Floor Ceil Round Sin Cos Tan Not Flatten Transpose ' +
      'Shape Size ConstantOfShape GlobalAveragePool GlobalMaxPool AveragePool MaxPool LpNormalization LRN DepthToSpace ' +
      'SpaceToDepth ArgMax ArgMin If',
  ],
  [
    2,
    2,
    'Add Sub Mul Div Pow Mod Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor MatMul Gather PRelu Expand',
  ],
  [2, 2, 'Reshape Tile RMSNormalization GridSample AffineGrid'],
  [1, 2, 'Squeeze Unsqueeze Split Trilu Upsample'],
  [
    1,
    2,
    'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp',
  ],
  [3, 3, 'ScatterND Where Range InstanceNormalization GroupNormalization'],
  [2, 3, 'Conv ConvTranspose Gemm LayerNormalization'],
  [1, 3, 'Clip Dropout'],
  [1, 4, 'Pad Resize'],
  [1, 5, 'Slice'],
  [5, 5, 'BatchNormalization'],
  [3, 6, 'Attention'],
];
const ARITIES = new Map<string, Arity>(
  FORMS.flatMap(([required, most, operators]) =>
    operators.split(' ').map((op) => [op, { required, most }] as const),
  ),
);
/** One input or more, all of them there. */
const VARIADIC: ReadonlySet<string> = new Set(['Concat', 'Sum', 'Mean', 'Max', 'Min', 'Einsum']);

/** @throws MocoError model-invalid for a node whose inputs or outputs are not as many as its operator has; others pass */
export function checkArity(node: Node): void {
  const { name, op, inputs, outputs } = node;
  const fail = (what: string): never => {
    throw new MocoError('model-invalid', `node ${name} (${op}): ${what}`);
  };
  if (!outputs.some((output) => output !== '')) fail('it has no output');
  const arity = VARIADIC.has(op) ? { required: Math.max(1, inputs.length), most: MANY } : ARITIES.get(op);
  if (!arity) return;
  if (outputs[0] === '') fail('its first output has no name');
  const { required, most } = arity;
  for (let slot = 0; slot < required; slot++) {
    if ((inputs[slot] ?? '') === '') fail(`input ${slot + 1} of ${required} is missing`);
  }
  if (inputs.length > most) fail(`it has ${inputs.length} inputs, at most ${most} are known`);
}
