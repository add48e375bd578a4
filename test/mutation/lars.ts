import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const BARRIER = 'workgroupBarrier();';
const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

/** What both shaders with sums may get wrong. */
const sums = (file: string) =>
  of(file, [
    ['the sum of half of the lanes', 'half = LANES / 2u', 'half = LANES / 4u'],
    ['two partial sums are left', 'half > 0u', 'half > 1u'],
    ['sums before all lanes are there', `lanes[l] = sum;\n  }\n  ${BARRIER}`, 'lanes[l] = sum;\n  }'],
    ['a tree without barriers', `    }\n    ${BARRIER}`, '    }'],
    ['the sum begins at 1', 'var sum = vec2f(0.0)', 'var sum = vec2f(1.0)'],
    [
      'both go by the exponent of the first',
      'largest_of_all(largest.y, lane)',
      'largest_of_all(largest.x, lane)',
    ],
    ['the largest of one lane', 'largest_of_all(largest.x, lane)', 'largest.x'],
  ]);

export const WGSL = [
  ...sums('lars-norms.wgsl'),
  ...of('lars-norms.wgsl', [
    ['the length of the gradient alone', 'gradient[i] + params.weight_decay * p)', 'gradient[i])'],
    ['decay is taken away', 'gradient[i] + params.weight_decay', 'gradient[i] - params.weight_decay'],
    ['sums of values', 'sum += value * value', 'sum += value'],
    ['sums of absolute values', 'sum += value * value', 'sum += abs(value)'],
    ['values are not scaled', 'let value = values[e] * scale', 'let value = values[e]'],
    ['the sign counts as exponent', 'vec2u(0x7fffffffu)', 'vec2u(0xffffffffu)'],
    [
      'the exponents are swapped',
      'sums[4u * block + 2u] = exponents.x',
      'sums[4u * block + 2u] = exponents.y',
    ],
    ['what lies beyond the end counts', 'if (i < params.length)', 'if (true)'],
    ['the last element is left out', 'if (i < params.length)', 'if (i + 1u < params.length)'],
    ['the first block alone', 'let i = block * BLOCK + e', 'let i = e'],
    [
      'blocks in one dimension',
      'workgroup.y * workgroups.x + workgroup.x',
      'workgroup.x',
      { equivalent: 'only a tensor of more than 67 million elements has more than 65,535 blocks' },
    ],
    ['half of a block', 'e = l; e < BLOCK', 'e = l; e < BLOCK / 2u'],
    ['lanes run into each other', 'e = l; e <', 'e = lane; e <'],
    ['every other element of a lane', 'e += LANES', 'e += 2u * LANES'],
  ]),
  ...sums('lars-scale.wgsl'),
  ...of('lars-scale.wgsl', [
    ['the ratio upside down', 'sqrt(squares.x) / sqrt(squares.y)', 'sqrt(squares.y) / sqrt(squares.x)'],
    ['the ratio of squares', 'sqrt(squares.x) / sqrt(squares.y)', 'squares.x / squares.y'],
    ['no trust', 'params.trust * (sqrt', '(sqrt'],
    ['scales stay', 'i32(exponents.x) - i32(exponents.y)', '0'],
    ['scales the wrong way', 'i32(exponents.x) - i32(exponents.y)', 'i32(exponents.y) - i32(exponents.x)'],
    ['blocks of one scale', '* square_of_power(exponents - sums[b].zw)', ''],
    ['the power, not its square', '2u * min(distance', 'min(distance'],
    ['a ratio of a tensor of zeros', 'squares.x > 0.0 && squares.y > 0.0', 'squares.y > 0.0'],
    [
      'a ratio of a gradient of zeros',
      'squares.x > 0.0 && squares.y > 0.0',
      'squares.x > 0.0',
      { equivalent: 'zeros stay zeros, as infinity becomes the largest float32' },
    ],
    ['no ratio', 'squares.x > 0.0 && squares.y > 0.0', 'false'],
    ['zeros give no step', 'var result = params.factor', 'var result = 0.0'],
    ['a factor of its own beyond float32', 'exponent > 254)', 'exponent > 100000)'],
    ['0 with an exponent', '(bits >> 23u) == 0u || exponent < 1', 'exponent < 1'],
    ['no number below the least', '(bits >> 23u) == 0u || exponent < 1', '(bits >> 23u) == 0u'],
    ['64 blocks alone', 'b += LANES', 'b += 1000000u'],
    ['lanes run into each other', 'b = l; b <', 'b = lane; b <'],
    ['distances that wrap', 'min(distance, vec2u(63u))', 'distance'],
    ['the largest of 64 blocks', 'b += WIDTH', 'b += 1000000u'],
  ]),
  ...addresses('lars.wgsl', 'length'),
  ...gated('lars.wgsl'),
  ...of('lars.wgsl', [
    ['weight decay is forgotten', '(gradient[i] + params.weight_decay * p)', 'gradient[i]'],
    [
      'weight decay is not scaled',
      'factor * (gradient[i] + params.weight_decay * p)',
      'factor * gradient[i] + params.weight_decay * p',
    ],
    ['no factor of the tensor', 'params.factor * scale[0]', 'params.factor'],
    ['no factor of the parameters', 'params.factor * scale[0]', 'scale[0]'],
    ['momentum is forgotten', 'params.momentum * buffer[i] + d', 'buffer[i] + d'],
    ['the buffer keeps the gradient', 'buffer[i] = b', 'buffer[i] = d'],
    ['the buffer always keeps the rate', 'buffer[i] = b', 'buffer[i] = params.rate * b'],
    ['ascends', 'p - params.rate', 'p + params.rate'],
    ['the rate is forgotten', 'params.rate * b', 'b'],
    ['Nesterov', 'params.rate * b', 'params.rate * (d + params.momentum * b)'],
    ['parameters in another order', '  factor: f32,\n  rate: f32,', '  rate: f32,\n  factor: f32,'],
  ]),
];

export const WASM = [
  ...of('lars.ts', [
    ['the lengths of two of four', 'pLow = f64x2.add(pLow, pHigh)', 'pLow = f64x2.add(pLow, pLow)'],
    ['the gradient of two of four', 'dLow = f64x2.add(dLow, dHigh)', ''],
    ['one of two sums', ' + f64x2.extract_lane(pLow, 1)', ''],
    ['the length of the gradient alone', 'f64x2.add(promoteHigh(g4), f64x2.mul(wd2, p))', 'promoteHigh(g4)'],
    ['… in the tail', '<f64>load<f32>(gradient) + weightDecay * p', '<f64>load<f32>(gradient)'],
    ['absolute values in the tail', 'pSum += p * p', 'pSum += Math.abs(p)'],
    ['the tail is left out', 'dSum += d * d', ''],
    [
      'the lengths are swapped',
      'store<f64>(sums, pSum);\n  store<f64>(sums, dSum, 8)',
      'store<f64>(sums, dSum);\n  store<f64>(sums, pSum, 8)',
    ],
    [
      'weight decay is forgotten',
      'f32x4.mul(scale4, f32x4.add(v128.load(gradient), f32x4.mul(wd4, p)))',
      'f32x4.mul(scale4, v128.load(gradient))',
    ],
    [
      'weight decay is not scaled in the tail',
      'scale * (load<f32>(gradient) + weightDecay * p)',
      'scale * load<f32>(gradient) + weightDecay * p',
    ],
    ['the factor is forgotten', 'f32x4.splat(scale)', 'f32x4.splat(1)'],
    ['the rate is forgotten in the tail', 'p - rate * b', 'p - b'],
    ['momentum is forgotten', 'f32x4.mul(mu4, v128.load(buffer))', 'v128.load(buffer)'],
    ['the buffer keeps the gradient', 'v128.store(buffer, b)', 'v128.store(buffer, d)'],
    ['the gate is ignored', 'if (load<f32>(gate) == 0) return;', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['the last element is left out', TAIL, NO_LAST, { at: 2 }],
    ['the last square is left out', TAIL, NO_LAST, { at: 1 }],
    ['the buffer stays at its first place', 'buffer += 16;', ''],
  ]),
];
