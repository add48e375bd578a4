import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

export const WGSL = [
  ...addresses('copy.wgsl', 'length'),
  ...gated('copy.wgsl'),
  ...of('copy.wgsl', [
    ['−0 becomes 0', 'copied[i] = source[i]', 'copied[i] = select(source[i], 0u, source[i] == 0x80000000u)'],
    ['the source of the first step', 'copied[i] = source[i]', 'copied[i] = source[first]'],
    [
      'NaN becomes one NaN',
      'copied[i] = source[i]',
      'copied[i] = select(source[i], 0x7fc00000u, (source[i] & 0x7fffffffu) > 0x7f800000u)',
    ],
  ]),
];

export const WASM = [
  ...of('copy.ts', [
    ['the gate is ignored', 'if (gate != 0 && load<f32>(gate) == 0) return;', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['no gate is a closed one', 'gate != 0 && ', ''],
    ['half of it', '(<usize>length) << 2', '(<usize>length) << 1'],
    ['the last element is left out', '<usize>length)', '<usize>max(length - 1, 0))'],
    ['the other way', 'target, source, (<usize>length)', 'source, target, (<usize>length)'],
    ['from the second element on', 'copy(target, source, (', 'copy(target, source + 4, ('],
  ]),
];
