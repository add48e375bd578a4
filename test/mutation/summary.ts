import { of } from './mutant.ts';

const BARRIER = 'workgroupBarrier();';

export const WGSL = [
  ...of('summary.wgsl', [
    ['rank 1 is the best, too', 'rank[n] < 1.0', 'rank[n] <= 1.0'],
    ['rank 5 is among 5', 'rank[n] < 5.0', 'rank[n] <= 5.0'],
    ['the sum of losses', 'sums[0].loss / count', 'sums[0].loss'],
    ['a share, no percentage', '100.0 * f32(best) / count', 'f32(best) / count'],
    ['variances', 'return sqrt(variance / count)', 'return variance / count'],
    ['divided by rows − 1', 'sqrt(variance / count)', 'sqrt(variance / max(count - 1.0, 1.0))'],
    [
      'squares without the first row',
      'for (var n = 0u; n < params.rows; n++)',
      'for (var n = 1u; n < params.rows; n++)',
    ],
    ['the mean over columns', 'mean /= count', 'mean /= f32(params.dim)'],
    ['distances from 0', 'let first = query[c]', 'let first = 0.0'],
    ['distances from the first row', '- first) - mean', '- first)'],
    ['columns for rows', 'let d = (query[n * params.dim + c]', 'let d = (query[n + c * params.rows]'],
    ['the sum of half of the lanes', 'half = LANES / 2u', 'half = LANES / 4u'],
    ['two partial sums are left', 'half > 0u', 'half > 1u'],
    ['ranks of every other block of rows', 'n += WIDTH', 'n += 2u * WIDTH'],
    ['losses of every other block of rows', 'n += LANES', 'n += 2u * LANES'],
    ['every other block of columns', 'c += LANES', 'c += 2u * LANES'],
    ['deviations over the rows', 'sums[0].deviation / f32(params.dim)', 'sums[0].deviation / count'],
    [
      'a gate that is open or not',
      'summary[4] = gate[0]',
      'summary[4] = select(0u, 0x3f800000u, gate[0] != 0u)',
    ],
    ['sums before all lanes are there', `sums[l] = own;\n  }\n  ${BARRIER}`, 'sums[l] = own;\n  }'],
    ['a tree without barriers', `    }\n    ${BARRIER}`, '    }'],
    ['best of 5 in the place of best', 'best = sum_of_all(best, lane)', 'best = sum_of_all(best5, lane)'],
    ['the best of one lane', 'best = sum_of_all(best, lane);', ''],
  ]),
  ...of('reduce.wgsl', [
    ['the next one goes on from the last', 'atomicStore(&reduced, 0u);', ''],
    ['begins at 1', 'atomicStore(&reduced, 0u)', 'atomicStore(&reduced, 1u)'],
    [
      'no barrier after the beginning',
      `  }\n  ${BARRIER}\n}`,
      '  }\n}',
      { equivalent: 'SwiftShader runs lanes in turn: lane 0 has begun before others put theirs' },
    ],
    ['no barrier before the result', `${BARRIER}\n  let result = atomicLoad`, 'let result = atomicLoad'],
    [
      'no barrier after the result',
      `let result = atomicLoad(&reduced);\n  ${BARRIER}`,
      'let result = atomicLoad(&reduced);',
      { equivalent: 'SwiftShader runs lanes in turn: all have read before lane 0 begins again' },
    ],
    ['the largest is a sum', 'put_largest(value)', 'put_sum(value)'],
    ['the sum is the largest', 'put_sum(value)', 'put_largest(value)'],
    ['nothing is put', 'put_sum(value);', ''],
  ]),
  ...of('reduce-plain.wgsl', [
    ['the largest is a sum', 'atomicMax(', 'atomicAdd('],
    ['the least', 'atomicMax(', 'atomicMin('],
    ['the last is the largest', 'atomicMax(', 'atomicStore('],
    ['the sum is the largest', 'atomicAdd(', 'atomicMax('],
    ['carries are lost', 'atomicAdd(', 'atomicXor('],
    ['counts invocations', 'atomicAdd(&reduced, value)', 'atomicAdd(&reduced, 1u)'],
  ]),
  ...of('reduce-subgroups.wgsl', [
    ['the largest of one invocation a subgroup', 'let largest = subgroupMax(value)', 'let largest = value'],
    ['the least of a subgroup', 'subgroupMax(value)', 'subgroupMin(value)'],
    [
      'the largest of the subgroups is their sum',
      'atomicMax(&reduced, largest)',
      'atomicAdd(&reduced, largest)',
    ],
    ['the sum of one invocation a subgroup', 'let sum = subgroupAdd(value)', 'let sum = value'],
    [
      'every invocation adds the sum of all',
      'if (subgroupElect()) {\n    atomicAdd',
      'if (true) {\n    atomicAdd',
    ],
    ['the sum of the last subgroup', 'atomicAdd(&reduced, sum)', 'atomicStore(&reduced, sum)'],
    ['the largest sum of a subgroup', 'atomicAdd(&reduced, sum)', 'atomicMax(&reduced, sum)'],
    ['the sum up to each invocation', 'subgroupAdd(value)', 'subgroupInclusiveAdd(value)'],
  ]),
];

export const WASM = [
  ...of('summary.ts', [
    ['rank 1 is the best, too', 'r < 1', 'r <= 1'],
    ['rank 5 is among 5', 'r < 5', 'r <= 5'],
    ['the sum of losses', '<f32>(lossSum / count)', '<f32>lossSum'],
    ['variances', 'return Math.sqrt(squares / <f64>rows)', 'return squares / <f64>rows'],
    ['divided by rows − 1', 'Math.sqrt(squares / <f64>rows)', 'Math.sqrt(squares / max(<f64>rows - 1, 1))'],
    ['squares about 0', '<f64>load<f32>(x) - mean', '<f64>load<f32>(x)'],
    ['rows for columns', 'const stride = (<usize>dim) << 2', 'const stride: usize = 4'],
    ['deviations over the rows', 'deviations / <f64>dim', 'deviations / <f64>rows'],
    ['a gate that is open or not', 'store<u32>(summary, open, 16)', 'store<f32>(summary, open ? 1 : 0, 16)'],
    ['every other row', 'n += 4', 'n += 8'],
    ['the last column is left out', 'c < (<usize>dim) << 2', 'c < ((<usize>dim) << 2) - 4'],
    ['best and best of 5 swapped', '(100 * <f64>best5)', '(100 * <f64>best)'],
  ]),
];
