/** Mutants of the shaders that take an array element by element. */
import { type Mutant, of } from './mutant.ts';

/** What all of them may get wrong: which elements there are. `length` is the parameter that bounds them. */
function addresses<File extends string>(file: File, length: string): Mutant<File>[] {
  return of(file, [
    ['the last element is left out', `i < params.${length}`, `i + 1u < params.${length}`],
    ['a grid of one dimension', 'workgroup.y * workgroups.x + workgroup.x', 'workgroup.x'],
    ['a workgroup begins where one of 64 elements would', '* 256u + lane', '* 64u + lane'],
    ['three of four steps', 'step < 256u / WIDTH', 'step < 192u / WIDTH'],
    ['steps of 32 lanes', 'WIDTH * step', '32u * step'],
  ]);
}

function gated<File extends string>(file: File): Mutant<File>[] {
  return of(file, [
    ['the gate is ignored', 'if (gate[0] == 0.0)', 'if (false)'],
    ['the gate is inverted', 'gate[0] == 0.0', 'gate[0] != 0.0'],
  ]);
}

export const WGSL_ELEMENTWISE = [
  ...addresses('accumulate.wgsl', 'length'),
  ...of('accumulate.wgsl', [
    ['x replaces the sum', 'sum[i] += x[i]', 'sum[i] = x[i]'],
    ['x is taken away', 'sum[i] += x[i]', 'sum[i] -= x[i]'],
    ['x of the first step', 'sum[i] += x[i]', 'sum[i] += x[first]'],
  ]),
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
  ...addresses('finite.wgsl', 'length'),
  ...of('finite.wgsl', [
    ['a mask of quiet NaN', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0x7fc00000u'],
    ['a mask without the last exponent bit', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0x7f000000u'],
    ['a mask with the sign', 'EXPONENT = 0x7f800000u', 'EXPONENT = 0xff800000u'],
    ['infinities alone', '(x[i] & EXPONENT) == EXPONENT', '(x[i] & 0x7fffffffu) == EXPONENT'],
    ['NaN alone', '(x[i] & EXPONENT) == EXPONENT', '(x[i] & 0x7fffffffu) > EXPONENT'],
    ['only the last step counts', 'bad = bad ||', 'bad ='],
    [
      'a closed gate opens again',
      'if (bad) {\n    atomicStore(&gate[0], 0u);\n  }',
      'atomicStore(&gate[0], select(0x3f800000u, 0u, bad));',
    ],
    ['closes to a whole 1', 'atomicStore(&gate[0], 0u)', 'atomicStore(&gate[0], 1u)'],
  ]),
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
  ...addresses('sgd.wgsl', 'length'),
  ...gated('sgd.wgsl'),
  ...of('sgd.wgsl', [
    ['weight decay is forgotten', 'gradient[i] + params.weight_decay * p', 'gradient[i]'],
    ['weights grow', 'gradient[i] + params.weight_decay', 'gradient[i] - params.weight_decay'],
    ['momentum is forgotten', 'params.momentum * buffer[i] + d', 'buffer[i] + d'],
    ['dampened', '* buffer[i] + d', '* buffer[i] + (1.0 - params.momentum) * d'],
    ['the buffer keeps the gradient', 'buffer[i] = b', 'buffer[i] = d'],
    ['the buffer keeps the learning rate', 'buffer[i] = b', 'buffer[i] = params.learning_rate * b'],
    ['ascends', 'p - params.learning_rate', 'p + params.learning_rate'],
    ['Nesterov', 'params.learning_rate * b', 'params.learning_rate * (d + params.momentum * b)'],
    [
      'parameters in another order',
      '  learning_rate: f32,\n  momentum: f32,',
      '  momentum: f32,\n  learning_rate: f32,',
    ],
  ]),
];
