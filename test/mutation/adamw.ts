import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
  ...addresses('adamw.wgsl', 'length'),
  ...gated('adamw.wgsl'),
  ...of('adamw.wgsl', [
    ['weights grow', 'p - (params.decay * p + change)', 'p - (change - params.decay * p)'],
    ['no decay', 'p - (params.decay * p + change)', 'p - change'],
    ['decay of what is left after the step', 'params.decay * p +', 'params.decay * (p - change) +'],
    [
      'Adam: decay goes into the gradient',
      'let g = gradient[i];',
      'let g = gradient[i] + params.decay * parameter[i];',
    ],
    ['ascends', 'p - (params.decay * p + change)', 'p - (params.decay * p - change)'],
    ['the gradient in the place of its mean', '(m / (sqrt(v)', '(g / (sqrt(v)'],
    ['no root', 'sqrt(v) * params.root', 'v * params.root'],
    [
      'ε under the root',
      'sqrt(v) * params.root + params.epsilon',
      'sqrt(v * params.root * params.root + params.epsilon)',
    ],
    [
      'ε is corrected, too',
      '(sqrt(v) * params.root + params.epsilon)',
      '((sqrt(v) + params.epsilon) * params.root)',
    ],
    ['no ε', ' + params.epsilon)', ')'],
    ['the square is not corrected', 'sqrt(v) * params.root', 'sqrt(v)'],
    ['the square of the mean', '(params.add_square * g) * g', '(params.add_square * m) * m'],
    ['a mean of absolute values', '(params.add_square * g) * g', 'params.add_square * abs(g)'],
    ['both means with one β', 'params.keep_square * square[i]', 'params.keep_mean * square[i]'],
    ['a sum of gradients', 'params.add_mean * g;', 'g;'],
    ['the means are swapped', 'mean[i] = m;\n      square[i] = v;', 'mean[i] = v;\n      square[i] = m;'],
    ['the mean is not kept', 'mean[i] = m;', ''],
    ['the mean of squares is not kept', 'square[i] = v;', ''],
    ['parameters in another order', '  rate: f32,\n  root: f32,', '  root: f32,\n  rate: f32,'],
  ]),
];

export const WASM = [
  ...of('adamw.ts', [
    ['no decay', 'f32x4.add(f32x4.mul(decay4, p), change)', 'change'],
    ['no decay in the tail', '(decay * p + rate * (m / divisor))', '(rate * (m / divisor))'],
    ['weights grow in the tail', '(decay * p + rate', '(-decay * p + rate'],
    ['1 − β of a float32', 'const addSquare = <f32>(1 - beta2)', 'const addSquare: f32 = 1 - <f32>beta2'],
    ['one β for both', 'const keepSquare = <f32>beta2', 'const keepSquare = <f32>beta1'],
    ['no root', 'f32x4.mul(f32x4.sqrt(v), root4)', 'f32x4.mul(v, root4)'],
    ['no root in the tail', 'Mathf.sqrt(v) * root', 'v * root'],
    ['no ε', 'f32x4.add(f32x4.mul(f32x4.sqrt(v), root4), epsilon4)', 'f32x4.mul(f32x4.sqrt(v), root4)'],
    ['no ε in the tail', 'Mathf.sqrt(v) * root + epsilon', 'Mathf.sqrt(v) * root'],
    ['the gradient in the place of its mean', 'f32x4.div(m, divisor)', 'f32x4.div(g, divisor)'],
    ['a sum of gradients', 'f32x4.mul(addMean4, g)', 'g'],
    [
      'the means are swapped',
      'v128.store(mean, m);\n    v128.store(square, v);',
      'v128.store(mean, v);\n    v128.store(square, m);',
    ],
    ['a mean of gradients for squares', 'f32x4.mul(f32x4.mul(addSquare4, g), g)', 'f32x4.mul(addSquare4, g)'],
    ['rate and root swapped', 'f32x4.splat(rate)', 'f32x4.splat(root)'],
    ['the gate is ignored', 'if (load<f32>(gate) == 0) return;', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['the last element is left out', TAIL, NO_LAST],
    ['the mean of squares stays at its first place', 'square += 16;', ''],
  ]),
];
