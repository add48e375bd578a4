import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

export const WGSL = [
  ...addresses('gather-rows.wgsl', 'count'),
  ...of('gather-rows.wgsl', [
    ['the list is ignored', 'source[rows[i / params.dim] * params.dim + i % params.dim]', 'source[i]'],
    [
      'scatters',
      'gathered[i] = source[rows[i / params.dim] * params.dim + i % params.dim]',
      'gathered[rows[i / params.dim] * params.dim + i % params.dim] = source[i]',
    ],
    ['the stride is forgotten', '] * params.dim + i', '] + i'],
    ['the list by columns', 'rows[i / params.dim]', 'rows[i % params.dim]'],
    ['rows end a column early', 'rows[i / params.dim]', 'rows[(i + 1u) / params.dim]'],
  ]),
];
