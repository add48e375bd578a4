import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('accumulate.wgsl', 'length'),
  ...of('accumulate.wgsl', [
    ['x replaces the sum', 'value = sum[i] + value', 'value = x[i]'],
    ['x is taken away', 'value = sum[i] + value', 'value = sum[i] - value'],
    ['x of the first step', 'var value = x[i]', 'var value = x[first]'],
    ['nothing is added', 'params.add == 1u', 'false'],
    ['everything is added', 'params.add == 1u', 'true'],
    ['the first row twice', 'x[row * params.length + i]', 'x[i]'],
    ['rows without the last', 'row < params.rows', 'row + 1u < params.rows'],
    ['the last row for the sum', 'value += x[row', 'value = x[row'],
  ]),
];

export const WASM = [
  ...of('accumulate.ts', [
    ['the same four twice', 'v128.load(x, 16)', 'v128.load(x)'],
    ['the second four over the first', 'v128.load(x, 16)), 16);', 'v128.load(x, 16)));'],
    ['the last element is left out', TAIL, NO_LAST],
    ['x replaces the sum in the tail', 'load<f32>(sum) + load<f32>(x)', 'load<f32>(x)'],
    ['x goes on by four', 'x += 32;', 'x += 16;'],
    ['x is taken away', 'f32x4.add(v128.load(sum), v128.load(x))', 'f32x4.sub(v128.load(sum), v128.load(x))'],
    ['the tail stays at its first place', 'sum += 4;', ''],
    ['no tail', TAIL, 'for (; i < 0; i++)'],
  ]),
];
