import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('add.wgsl', 'length'),
  ...of('add.wgsl', [
    ['b is taken away', 'a[i] + b[i]', 'a[i] - b[i]'],
    ['a twice', 'a[i] + b[i]', 'a[i] + a[i]'],
    ['b of the first step', '+ b[i]', '+ b[first]'],
    ['b alone', 'a[i] + b[i]', 'b[i]'],
    ['added to what is there', 'y[i] = a[i]', 'y[i] += a[i]'],
    [
      'what is not finite is left out',
      'a[i] + b[i]',
      'a[i] + select(b[i], 0.0, (bitcast<u32>(b[i]) & 0x7f800000u) == 0x7f800000u)',
    ],
  ]),
];

export const WASM = [
  ...of('add.ts', [
    ['the same four of a twice', 'v128.load(a, 16)', 'v128.load(a)'],
    ['the same four of b twice', 'v128.load(b, 16)', 'v128.load(b)'],
    ['the second four over the first', '16)), 16);', '16)));'],
    ['b is taken away', 'f32x4.add(v128.load(a), v128.load(b))', 'f32x4.sub(v128.load(a), v128.load(b))'],
    ['a twice in the tail', 'load<f32>(a) + load<f32>(b)', 'load<f32>(a) + load<f32>(a)'],
    ['no tail', TAIL, 'for (; i < 0; i++)'],
    ['the last element is left out', TAIL, NO_LAST],
    ['b goes on by four', 'b += 32;', 'b += 16;'],
    ['the tail stays at its first place', 'y += 4;', ''],
  ]),
];
