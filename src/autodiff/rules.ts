/** The gradient rule of every operator that can be differentiated. A new operator is a line here and a rule in its family's file. */
import { relu } from './activation.ts';
import { batchNorm } from './batch-norm.ts';
import { conv } from './conv.ts';
import { add, identity } from './elementwise.ts';
import { gemm } from './linear.ts';
import { globalAveragePool, maxPool } from './pool.ts';
import type { Rule } from './rule.ts';
import { flatten } from './shape.ts';

export const RULES: ReadonlyMap<string, Rule> = new Map([
  ['Add', add],
  ['BatchNormalization', batchNorm],
  ['Conv', conv],
  ['Flatten', flatten],
  ['Gemm', gemm],
  ['GlobalAveragePool', globalAveragePool],
  ['Identity', identity],
  ['MaxPool', maxPool],
  ['Relu', relu],
]);
