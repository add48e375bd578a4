import { of } from './mutant.ts';

const BARRIER = 'workgroupBarrier();';

export const WGSL = [
  ...of('topk-similarities.wgsl', [
    ['rows and columns swapped', 'row * stride + column', 'column * params.rows + row'],
    ['rows run into the next', 'row < params.rows && column < params.bank_rows', 'row < params.rows'],
    ['queries of the first block', 'params.first_row + QUERIES * workgroup.z', 'QUERIES * workgroup.z'],
    ['tiles of 63', 'ROWS * tile', '63u * tile'],
    ['the last chunk alone', 'sums[j] += ', 'sums[j] = '],
    ['28 of 32 columns', 'c < 8u', 'c < 7u'],
    ['queries in another order', 'dot(q1, b), dot(q2, b)', 'dot(q2, b), dot(q1, b)'],
    [
      'the first chunk of columns',
      'column < params.dim; column += 32u',
      'column < min(params.dim, 32u); column += 32u',
    ],
    ['the first four columns', 'query_four(block + row, column + 4u * x,', 'query_four(block + row, column,'],
    ['all rows are aligned', 'params.dim % 4u == 0u', 'true'],
    ['a bank in one load', 'shifted(bank[i / 4u], bank[i / 4u + 1u], i)', 'bank[i / 4u]'],
    ['rows without padding', '4u * ((params.bank_rows + 3u) / 4u)', 'params.bank_rows'],
    ['tiles in one dimension of queries', 'QUERIES * workgroup.z + y + 8u * i', 'y + 8u * i'],
    ['rows of eight', 'first + x + 8u * j', 'first + 8u * x + j'],
    ['no barrier after a tile is loaded', `    }\n    ${BARRIER}`, '    }'],
    ['no barrier before a tile is overwritten', `column += 32u) {\n    ${BARRIER}`, 'column += 32u) {'],
  ]),
  ...of('topk-select.wgsl', [
    [
      'negative numbers the wrong way round',
      'select(bits | 0x80000000u, ~bits, bits > 0x7fffffffu)',
      'bits ^ 0x80000000u',
    ],
    ['NaN is the largest', 'return 0x007fffffu', 'return 0xffffffffu'],
    [
      'ties to the higher row',
      'similarity == threshold && j <= last',
      'similarity == threshold && j >= last',
    ],
    ['the last that fits is left out', 'j <= last', 'j < last'],
    ['all that tie', 'similarity > threshold ||', 'similarity >= threshold ||'],
    ['one less is wanted', 'atomicLoad(&histogram[digit]) < left', 'atomicLoad(&histogram[digit]) <= left'],
    ['one less of sixteen is wanted', 'sixteens[sixteen] < left', 'sixteens[sixteen] <= left'],
    ['fifteen of sixteen', 'digit < 16u * i + 16u', 'digit < 16u * i + 15u'],
    ['ties are not cut', 'select(0u, 1u, atomicLoad(&histogram[digit]) == left)', '1u'],
    ['what lies beyond the bank counts', 'min(4u, params.bank_rows - 4u * f)', '4u', { at: 1 }],
    ['three of four', 'min(4u, params.bank_rows - 4u * f)', 'min(3u, params.bank_rows - 4u * f)', { at: 2 }],
    ['the first digit has a prefix', '0u, shift == 24u', '0x80000000u, shift == 24u'],
    ['a digit is not cleared', 'i < 256u; i += WIDTH', 'i < 255u; i += WIDTH'],
    ['digits already passed still count', 'left -= atomicLoad(&histogram[digit]);', ''],
    ['sixteens already passed still count', 'left -= sixteens[sixteen];', ''],
    ['what is left is forgotten', 'wanted = left;', ''],
    ['rows of the block', '(params.first_row + row) * params.k', 'row * params.k'],
    ['ordered numbers for similarities', 'values[out + slot] = bits', 'values[out + slot] = similarity'],
    ['the rows of the first query', 'let start = row * ((params.bank_rows + 3u) / 4u)', 'let start = 0u'],
    ['the prefix is lost', 'found = prefix | (digit << shift)', 'found = digit << shift'],
    ['no barrier after the histogram is cleared', `  }\n  ${BARRIER}\n  let prefix`, '  }\n  let prefix'],
    [
      'no barrier after the histogram is filled',
      `  }\n  ${BARRIER}\n  for (var i = lane; i < 16u`,
      '  }\n  for (var i = lane; i < 16u',
    ],
    ['no barrier after the sixteens', `sixteens[i] = sum;\n  }\n  ${BARRIER}`, 'sixteens[i] = sum;\n  }'],
    [
      'no barrier after the digit',
      `== left);\n  }\n  ${BARRIER}`,
      '== left);\n  }',
      {
        equivalent: 'SwiftShader runs lanes in turn: lane 0 has its digit before others clear the histogram',
      },
    ],
  ]),
];

export const WASM = [
  ...of('topk.ts', [
    ['ties to the higher row', 'ia > ib', 'ia < ib'],
    ['the tile after the first k is not offered', 'start < k ? 15', 'start == 0 ? 15'],
    ['equal takes the place', 'value > load<f32>(values)', 'value >= load<f32>(values)'],
    ['NaN is 0', 'value = -f32.MAX_VALUE * 2', 'value = 0'],
    ['not sorted', 'sort(similarities + offset, indices + offset, min(k, m));', ''],
    ['the last two are not sorted', 'let last = count - 1', 'let last = count - 2'],
    ['the worst of another query', 'load<f32>(roots + 3 * stride)', 'load<f32>(roots + 2 * stride)'],
    ['rows of the tile', 'const row = start + j', 'const row = j'],
    ['queries of the first block', 'queries + ((<usize>first * <usize>c) << 2)', 'queries'],
    ['products of the first query', 'products + ((<usize>lane) << 2)', 'products'],
    ['only the left child', 'child += 1;\n      at += 4;', ''],
    ['the last of a tile', 'j < valid; j++) {\n    let value', 'j < valid - 1; j++) {\n    let value'],
  ]),
];
