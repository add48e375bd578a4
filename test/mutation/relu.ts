import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('relu.wgsl', 'length'),
  ...of('relu.wgsl', [
    ['−0 becomes 0', 'value > MINUS_ZERO', 'value >= MINUS_ZERO'],
    ['−∞ stays', 'value <= MINUS_INFINITY', 'value < MINUS_INFINITY'],
    ['negative NaN becomes 0', ' && value <= MINUS_INFINITY', ''],
    ['NaN becomes 0', 'value > MINUS_ZERO', 'value > 0x7f800000u'],
    ['denormals below 0 stay', 'value > MINUS_ZERO', 'value >= 0x80800000u'],
    ['all becomes 0', 'select(value, 0u,', 'select(0u, 0u,'],
    ['what is above 0 becomes 0', 'select(value, 0u,', 'select(0u, value,'],
    ['x of the first step', 'let value = x[i]', 'let value = x[first]'],
  ]),
];

export const WASM = [
  ...of('relu.ts', [
    ['the same four twice', 'v128.load(x, 16)', 'v128.load(x)'],
    ['the second four over the first', 'zero), 16);', 'zero));'],
    ['NaN becomes 0', 'pmax(v128.load(x), zero)', 'pmax(zero, v128.load(x))'],
    ['NaN becomes 0 in the second four', 'pmax(v128.load(x, 16), zero)', 'pmax(zero, v128.load(x, 16))'],
    ['NaN becomes 0 in the tail', 'value < 0 ? 0 : value', 'value > 0 ? value : 0'],
    ['a max, of which −0 becomes 0', 'pmax(v128.load(x), zero)', 'max(v128.load(x), zero)'],
    ['−0 becomes 0 in the tail', 'value < 0 ? 0 : value', 'value <= 0 ? 0 : value'],
    ['the smaller', 'pmax(v128.load(x), zero)', 'pmin(v128.load(x), zero)'],
    ['no tail', TAIL, 'for (; i < 0; i++)'],
    ['the last element is left out', TAIL, NO_LAST],
    ['x goes on by four', 'x += 32;', 'x += 16;'],
    ['the tail stays at its first place', 'y += 4;', ''],
  ]),
];
