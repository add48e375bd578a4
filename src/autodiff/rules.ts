/** The gradient rule of every operator that can be differentiated. A new operator is a line here and a rule in its family's file. */
import {
  clip,
  elu,
  erf,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  prelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from './activation.ts';
import { batchNorm } from './batch-norm.ts';
import { comparison, or, where } from './comparison.ts';
import { concat, split } from './concat.ts';
import { conv } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import {
  abs,
  add,
  cast,
  div,
  exp,
  extremum,
  identity,
  log,
  mean,
  mul,
  neg,
  pow,
  reciprocal,
  round,
  sign,
  sqrt,
  staircase,
  sub,
  sum,
} from './elementwise.ts';
import { gather } from './gather.ts';
import { globalAveragePool, globalMaxPool } from './global-pool.ts';
import { instanceNorm } from './instance-norm.ts';
import { layerNorm } from './layer-norm.ts';
import { expand, renamed, tile, transposed } from './layout.ts';
import { gemm } from './linear.ts';
import { matMul } from './matmul.ts';
import { pad } from './pad.ts';
import { averagePool, maxPool } from './pool.ts';
import {
  reduceExtremum,
  reduceL1,
  reduceL2,
  reduceLogSumExp,
  reduceMean,
  reduceSumRule,
  reduceSumSquare,
} from './reduction.ts';
import type { Rule } from './rule.ts';
import { slice } from './slice.ts';
import { logSoftmax, softmax } from './softmax.ts';

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['Abs', abs],
  ['Add', add],
  ['And', comparison],
  ['AveragePool', averagePool],
  ['BatchNormalization', batchNorm],
  ['Cast', cast],
  ['Ceil', staircase],
  ['Clip', clip],
  ['Concat', concat],
  ['Conv', conv],
  ['ConvTranspose', convTranspose],
  ['Div', div],
  ['Elu', elu],
  ['Equal', comparison],
  ['Erf', erf],
  ['Exp', exp],
  ['Expand', expand],
  ['Flatten', renamed],
  ['Floor', staircase],
  ['Gather', gather],
  ['Gemm', gemm],
  ['GlobalAveragePool', globalAveragePool],
  ['GlobalMaxPool', globalMaxPool],
  ['Greater', comparison],
  ['GreaterOrEqual', comparison],
  ['HardSigmoid', hardSigmoid],
  ['HardSwish', hardSwish],
  ['Identity', identity],
  ['InstanceNormalization', instanceNorm],
  ['LayerNormalization', layerNorm],
  ['LeakyRelu', leakyRelu],
  ['Less', comparison],
  ['LessOrEqual', comparison],
  ['Log', log],
  ['LogSoftmax', logSoftmax],
  ['MatMul', matMul],
  ['Max', extremum],
  ['MaxPool', maxPool],
  ['Mean', mean],
  ['Min', extremum],
  ['Mul', mul],
  ['Neg', neg],
  ['Not', comparison],
  ['Or', or],
  ['PRelu', prelu],
  ['Pad', pad],
  ['Pow', pow],
  ['Reciprocal', reciprocal],
  ['ReduceL1', reduceL1],
  ['ReduceL2', reduceL2],
  ['ReduceLogSumExp', reduceLogSumExp],
  ['ReduceMax', reduceExtremum],
  ['ReduceMean', reduceMean],
  ['ReduceMin', reduceExtremum],
  ['ReduceSum', reduceSumRule],
  ['ReduceSumSquare', reduceSumSquare],
  ['Relu', relu],
  ['Reshape', renamed],
  ['Round', round],
  ['Sigmoid', sigmoid],
  ['Sign', sign],
  ['Slice', slice],
  ['Softmax', softmax],
  ['Softplus', softplus],
  ['Split', split],
  ['Sqrt', sqrt],
  ['Squeeze', renamed],
  ['Sub', sub],
  ['Sum', sum],
  ['Tanh', tanh],
  ['Tile', tile],
  ['Transpose', transposed],
  ['Unsqueeze', renamed],
  ['Where', where],
]);
