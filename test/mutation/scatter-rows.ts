import { addresses } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

export const WGSL = [
  ...addresses('scatter-rows.wgsl', 'count'),
  ...of('scatter-rows.wgsl', [
    ['the list is ignored', 'scattered[rows[i / params.dim] * params.dim + i % params.dim]', 'scattered[i]'],
    [
      'gathers',
      'scattered[rows[i / params.dim] * params.dim + i % params.dim] = source[i]',
      'scattered[i] = source[rows[i / params.dim] * params.dim + i % params.dim]',
    ],
    ['the stride is forgotten', '] * params.dim + i', '] + i'],
    ['the list by columns', 'rows[i / params.dim]', 'rows[i % params.dim]'],
    ['rows end a column early', 'rows[i / params.dim]', 'rows[(i + 1u) / params.dim]'],
  ]),
];
