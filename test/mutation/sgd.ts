import { addresses, gated } from './elementwise-wgsl.ts';
import { of } from './mutant.ts';

const TAIL = 'for (; i < length; i++)';
const NO_LAST = 'for (; i < length - 1; i++)';

export const WGSL = [
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

export const WASM = [
  ...of('sgd.ts', [
    ['weight decay is forgotten', 'f32x4.add(v128.load(gradient), f32x4.mul(wd4, p))', 'v128.load(gradient)'],
    ['weight decay is forgotten in the tail', 'load<f32>(gradient) + weightDecay * p', 'load<f32>(gradient)'],
    ['weights grow', 'f32x4.add(v128.load(gradient)', 'f32x4.sub(v128.load(gradient)'],
    ['momentum is forgotten', 'f32x4.mul(mu4, v128.load(buffer))', 'v128.load(buffer)'],
    ['the buffer keeps the gradient', 'v128.store(buffer, b)', 'v128.store(buffer, d)'],
    ['ascends in the tail', 'p - learningRate * b', 'p + learningRate * b'],
    ['Nesterov', 'f32x4.mul(lr4, b)', 'f32x4.mul(lr4, f32x4.add(d, f32x4.mul(mu4, b)))'],
    ['learning rate and momentum swapped', 'f32x4.splat(learningRate)', 'f32x4.splat(momentum)'],
    ['the gate is ignored', 'if (load<f32>(gate) == 0) return;', ''],
    ['the gate is inverted', 'load<f32>(gate) == 0', 'load<f32>(gate) != 0'],
    ['the last element is left out', TAIL, NO_LAST],
    ['the buffer stays at its first place', 'buffer += 16;', ''],
  ]),
];
