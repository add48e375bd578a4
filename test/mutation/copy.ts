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
