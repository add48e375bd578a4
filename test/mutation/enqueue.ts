import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

export const WGSL = [
  ...addresses('enqueue.wgsl', 'count'),
  ...gated('enqueue.wgsl'),
  ...of('enqueue.wgsl', [
    [
      'no wrap-around',
      '(params.start + i / params.dim) % params.queue_size',
      'min(params.start + i / params.dim, params.queue_size - 1u)',
    ],
    ['wraps a row early', '% params.queue_size', '% (params.queue_size - 1u)'],
    ['the pointer is forgotten', '(params.start + i / params.dim)', '(i / params.dim)'],
    ['the oldest keys of too many', 'keys[params.skipped * params.dim + i]', 'keys[i]'],
    ['skips elements for rows', 'params.skipped * params.dim + i', 'params.skipped + i'],
    [
      'rows and columns swapped',
      'queue[row * params.dim + i % params.dim]',
      'queue[(i % params.dim) * params.queue_size + row]',
    ],
  ]),
];

export const WASM = [
  ...of('enqueue.ts', [
    [
      'no wrap-around',
      'memory.copy(queue, source + <usize>untilEnd * width, <usize>(kept - untilEnd) * width);',
      '',
    ],
    [
      'wraps without a remainder',
      '<i32>((<i64>pointer + skipped) % queueSize)',
      '<i32>(<i64>pointer + skipped)',
    ],
    ['the pointer stays behind what is skipped', '(<i64>pointer + skipped)', '(<i64>pointer)'],
    ['the oldest keys of too many', 'keys + <usize>skipped * width', 'keys'],
    [
      'the first keys wrap, too',
      'memory.copy(queue, source + <usize>untilEnd * width',
      'memory.copy(queue, source',
    ],
    ['from the first row on', 'memory.copy(queue + <usize>start * width', 'memory.copy(queue'],
    ['the gate is ignored', 'load<f32>(gate) == 0 || ', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['a row less', '<usize>(kept - untilEnd) * width', '<usize>max(kept - untilEnd - 1, 0) * width'],
  ]),
];
