import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('relu-backward.wgsl', 'length'),
  ...of('relu-backward.wgsl', [
    ['dy where y is 0', 'value != 0u && ', ''],
    ['dy where y is −0', 'value <= INFINITY', 'value <= 0x80000000u'],
    ['0 where y is infinite', 'value <= INFINITY', 'value < INFINITY'],
    ['0 where y is a denormal', 'value != 0u', 'value >= 0x00800000u'],
    ['dy everywhere', 'select(0u, dy[i], is_positive)', 'dy[i]'],
    ['dy where y is below 0', 'select(0u, dy[i], is_positive)', 'select(dy[i], 0u, is_positive)'],
    ['0 where y is NaN', 'value, is_nan', '0u, is_nan'],
    ['negative NaN are numbers', '(value & ~SIGN) > INFINITY', 'value > INFINITY && value < SIGN'],
    ['infinities are NaN', '> INFINITY', '>= INFINITY'],
    ['y for dy', 'dy[i]', 'y[i]'],
    ['dy of the first step', 'dy[i]', 'dy[first]'],
  ]),
];

export const WASM = [
  ...of('relu-backward.ts', [
    ['the same four of dy twice', 'v128.load(dy, 16)', 'v128.load(dy)'],
    ['the same four of y twice', 'v128.load(y, 16)', 'v128.load(y)'],
    ['the second four over the first', '16)), 16);', '16)));'],
    ['dy where y is 0', 'f32x4.gt(', 'f32x4.ge('],
    ['dy where y is 0 in the tail', 'value > 0', 'value >= 0'],
    ['dy where y is below 0', 'f32x4.gt(', 'f32x4.lt('],
    ['0 where y is NaN', 'v128.bitselect(y, kept, f32x4.ne(y, y))', 'kept'],
    ['0 where y is NaN in the tail', 'value <= 0 ? 0 : value', '0'],
    [
      'dy where y is NaN',
      'v128.bitselect(y, kept, f32x4.ne(y, y))',
      'v128.andnot(dy, f32x4.le(y, f32x4.splat(0)))',
    ],
    ['y for dy in the tail', 'load<f32>(dy)', 'value'],
    ['no tail', TAIL, 'for (; i < 0; i++)'],
    ['the last element is left out', TAIL, NO_LAST],
    ['y goes on by four', ' y += 32;', ' y += 16;'],
    ['the tail of dy stays at its first place', 'dy += 4;', ''],
  ]),
];
