import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('ema.wgsl', 'length'),
  ...gated('ema.wgsl'),
  ...of('ema.wgsl', [
    [
      'the momentum goes to the query',
      'params.a * result[i] + params.b * source[i]',
      'params.b * result[i] + params.a * source[i]',
    ],
    ['parameters in another order', '  a: f32,\n  b: f32,', '  b: f32,\n  a: f32,'],
    ['the source is taken away', '+ params.b * source[i]', '- params.b * source[i]'],
    ['b is forgotten', 'params.b * source[i]', 'source[i]'],
    ['1 − a in place of b', 'params.b * source[i]', '(1.0 - params.a) * source[i]'],
    [
      'as a way from the source',
      'params.a * result[i] + params.b * source[i]',
      'source[i] + params.a * (result[i] - source[i])',
    ],
  ]),
];

export const WASM = [
  ...of('ema.ts', [
    [
      'the momentum goes to the query',
      'f32x4.mul(v128.load(target), a4), f32x4.mul(v128.load(source), b4)',
      'f32x4.mul(v128.load(target), b4), f32x4.mul(v128.load(source), a4)',
    ],
    [
      '… in the tail',
      'load<f32>(target) * a + load<f32>(source) * b',
      'load<f32>(target) * b + load<f32>(source) * a',
    ],
    ['the first four of the source again', 'v128.load(source, 16), b4', 'v128.load(source), b4'],
    ['the first four stored twice', 'v128.store(target, high, 16)', 'v128.store(target, low, 16)'],
    ['the gate is ignored', 'if (gate != 0 && load<f32>(gate) == 0) return;', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['a gate of −0 is open', 'load<f32>(gate) == 0', 'load<i32>(gate) == 0'],
    ['no gate is a closed one', 'gate != 0 && ', ''],
    ['the last element is left out', TAIL, NO_LAST],
    [
      'as a way from the source',
      'load<f32>(target) * a + load<f32>(source) * b',
      'load<f32>(source) + (load<f32>(target) - load<f32>(source)) * a',
    ],
    ['1 − a in place of b', 'f32x4.splat(b)', 'f32x4.splat(1 - a)'],
  ]),
];
