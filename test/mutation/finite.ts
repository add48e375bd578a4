import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('finite.wgsl', 'length'),
  ...of('finite.wgsl', [
    ['a mask of quiet NaN', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0x7fc00000u'],
    ['a mask without the last exponent bit', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0x7f000000u'],
    ['a mask with the sign', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0xff800000u'],
    ['infinities alone', '(x[i] & EXPONENT) == EXPONENT', '(x[i] & 0x7fffffffu) == EXPONENT'],
    ['NaN alone', '(x[i] & EXPONENT) == EXPONENT', '(x[i] & 0x7fffffffu) > EXPONENT'],
    ['only the last step counts', 'bad = bad ||', 'bad ='],
    [
      'a closed gate opens again',
      'if (bad) {\n    atomicStore(&gate[0], 0u);\n  }',
      'atomicStore(&gate[0], select(0x3f800000u, 0u, bad));',
    ],
    ['closes to a whole 1', 'atomicStore(&gate[0], 0u)', 'atomicStore(&gate[0], 1u)'],
  ]),
];

export const WASM = [
  ...of('finite.ts', [
    ['a mask of quiet NaN', '0x7f800000', '0x7fc00000'],
    ['a mask without the last exponent bit', '0x7f800000', '0x7f000000'],
    ['a mask with the sign', '0x7f800000', '0xff800000'],
    [
      'NaN alone, in the tail',
      '(load<i32>(x) & EXPONENT) == EXPONENT',
      '(load<i32>(x) & 0x7fffffff) > EXPONENT',
    ],
    ['infinities alone', 'i32x4.eq(v128.and(v128.load(x), mask), mask)', 'i32x4.eq(v128.load(x), mask)'],
    [
      'the second four alone',
      'bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x, 16), mask), mask))',
      'bad = i32x4.eq(v128.and(v128.load(x, 16), mask), mask)',
    ],
    ['the first four twice', 'v128.load(x, 16)', 'v128.load(x)'],
    ['all four lanes have to be bad', 'v128.any_true(bad)', 'i32x4.all_true(bad)'],
    ['the last element is left out', TAIL, NO_LAST],
    ['inverted', 'return 1;', 'return 0;'],
  ]),
];
