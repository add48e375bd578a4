/** The gradient rule of every operator that can be differentiated. A new operator is a line here and a rule in its family's file. */
import { relu } from './activation.ts';
import { batchNorm } from './batch-norm.ts';
import { concat, split } from './concat.ts';
import { conv } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import { add, identity } from './elementwise.ts';
import { gather } from './gather.ts';
import { globalAveragePool, globalMaxPool } from './global-pool.ts';
import { instanceNorm } from './instance-norm.ts';
import { layerNorm } from './layer-norm.ts';
import { expand, renamed, tile, transposed } from './layout.ts';
import { gemm } from './linear.ts';
import { matMul } from './matmul.ts';
import { pad } from './pad.ts';
import { averagePool, maxPool } from './pool.ts';
import type { Rule } from './rule.ts';
import { slice } from './slice.ts';

export const RULES: ReadonlyMap<string, Rule> = new Map([
  ['Add', add],
  ['AveragePool', averagePool],
  ['BatchNormalization', batchNorm],
  ['Concat', concat],
  ['Conv', conv],
  ['ConvTranspose', convTranspose],
  ['Expand', expand],
  ['Flatten', renamed],
  ['Gather', gather],
  ['Gemm', gemm],
  ['GlobalAveragePool', globalAveragePool],
  ['GlobalMaxPool', globalMaxPool],
  ['Identity', identity],
  ['InstanceNormalization', instanceNorm],
  ['LayerNormalization', layerNorm],
  ['MatMul', matMul],
  ['MaxPool', maxPool],
  ['Pad', pad],
  ['Relu', relu],
  ['Reshape', renamed],
  ['Slice', slice],
  ['Split', split],
  ['Squeeze', renamed],
  ['Tile', tile],
  ['Transpose', transposed],
  ['Unsqueeze', renamed],
]);
