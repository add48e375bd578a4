import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { forwardFlops } from '../../src/onnx/flops.ts';
import { type Attributes, type Dim, type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';

const dims = (text: string): Dim[] =>
  text === '()' ? [] : text.split(',').map((size) => (/^-?\d+$/.test(size) ? Number(size) : size));

/**
 * A graph of one node named `n`. Its inputs in words: `n,3,4` a tensor of that shape, `()` a scalar, `i:0,-1` a
 * constant of whole numbers, `-` one that is left out.
 */
function single(op: string, inputs: string, attributes: Attributes = {}, outputs = 1): Graph {
  const g = new GraphBuilder('single', 't');
  const names = inputs.split(' ').map((input, i) => {
    if (input === '-') return '';
    if (!input.startsWith('i:')) return g.input(`x${i}`, dims(input));
    return g.ints(input === 'i:' ? [] : dims(input.slice(2)).map(Number));
  });
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  g.node({ name: 'n', op, domain: '', inputs: names, outputs: results, attributes });
  return g.build();
}

const window = (kernel: number[], strides: number[], pads: number[], more: Attributes = {}): Attributes => ({
  kernel_shape: kernel,
  strides,
  pads,
  ...more,
});

type Row = readonly [op: string, inputs: string, attributes: Attributes, outputs: string];

/** By the ONNX operator specification of opset 17, worked out by hand. */
const WINDOWS: readonly Row[] = [
  ['Conv', '2,3,15,16 5,3,7,7', window([7, 7], [2, 2], [3, 3, 3, 3]), '2,5,8,8'],
  ['Conv', 'batch,3,9,4 5,3,1,3', { strides: [2, 1], pads: [0, 1, 0, 0] }, 'batch,5,5,3'],
  ['Conv', '1,4,5,5 6,2,3,3 6', { group: 2 }, '1,6,3,3'],
  // A kernel of 3 with dilation 2 reaches over 5.
  ['Conv', '1,4,9,5 6,4,3,3', { dilations: [2, 2] }, '1,6,5,1'],
  // SAME_*: output = ceil(input / stride), whatever the kernel.
  ['Conv', '1,4,9,6 6,4,3,5', { auto_pad: 'SAME_UPPER', strides: [2, 4] }, '1,6,5,2'],
  ['Conv', '1,4,9,6 6,4,3,5', { auto_pad: 'SAME_LOWER' }, '1,6,9,6'],
  ['Conv', '1,4,9,6 6,4,3,5', { auto_pad: 'VALID', strides: [2, 1] }, '1,6,4,2'],
  ['Conv', 'n,4,9 6,4,3', window([3], [2], [1, 1]), 'n,6,5'],
  // stride·(input − 1) + output_padding + (kernel − 1)·dilation + 1 − pads
  ['ConvTranspose', 'n,4,5,6 4,7,3,3', window([3, 3], [2, 2], [1, 1, 1, 1]), 'n,7,9,11'],
  ['ConvTranspose', 'n,4,5,6 4,7,3,3', { strides: [2, 3], output_padding: [1, 2] }, 'n,7,12,20'],
  ['ConvTranspose', 'n,4,5,6 4,7,3,2', { group: 2, dilations: [2, 3] }, 'n,14,9,9'],
  ['ConvTranspose', 'n,4,5 4,7,3', { strides: [2], output_padding: [1] }, 'n,7,12'],
  ['MaxPool', '2,3,15,16', window([3, 3], [2, 2], [1, 1, 1, 1]), '2,3,8,8'],
  ['MaxPool', 'n,3,5,4', window([2, 2], [2, 2], [0, 0, 0, 0]), 'n,3,2,2'],
  ['MaxPool', 'n,3,5,4', { kernel_shape: [2, 2] }, 'n,3,4,3'],
  ['MaxPool', 'n,3,5,4', window([2, 2], [2, 2], [0, 0, 0, 0], { ceil_mode: 1 }), 'n,3,3,2'],
  // A third window would begin at 4, in the padding behind the image, and is left out.
  ['MaxPool', 'n,3,4,4', window([2, 2], [2, 2], [0, 0, 1, 1], { ceil_mode: 1 }), 'n,3,2,2'],
  ['MaxPool', 'n,3,7,7', window([3, 2], [1, 1], [0, 0, 0, 0], { dilations: [3, 2] }), 'n,3,1,5'],
  ['AveragePool', 'n,3,9', window([3], [2], [1, 1]), 'n,3,5'],
  ['AveragePool', 'n,3,9,5', { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }, 'n,3,5,3'],
  ['GlobalAveragePool', 'n,7,3,2', {}, 'n,7,1,1'],
  ['GlobalMaxPool', 'n,7,3', {}, 'n,7,1'],
];

const PRODUCTS: readonly Row[] = [
  ['Gemm', 'n,3 5,3 5', { transB: 1 }, 'n,5'],
  ['Gemm', '3,2 3,5', { transA: 1 }, '2,5'],
  ['Gemm', '4,3 3,5 4,1', {}, '4,5'],
  ['MatMul', 'n,4,3 3,5', {}, 'n,4,5'],
  ['MatMul', 'n,1,4,3 6,3,5', {}, 'n,6,4,5'],
  ['MatMul', '3 n,3,5', {}, 'n,5'],
  ['MatMul', 'n,4,3 3', {}, 'n,4'],
  ['MatMul', '3 3', {}, '()'],
];

const NORMALIZATION: readonly Row[] = [
  ['BatchNormalization', 'n,2,3,3 2 2 2 2', {}, 'n,2,3,3'],
  ['BatchNormalization', 'n,2 2 2 2 2', { training_mode: 1 }, 'n,2 2 2'],
  ['InstanceNormalization', 'n,2,3 2 2', {}, 'n,2,3'],
  ['LayerNormalization', 'n,5,4 4 4', {}, 'n,5,4 n,5,1 n,5,1'],
  ['LayerNormalization', 'n,5,4 5,4', { axis: 1 }, 'n,5,4 n,1,1'],
  ['LpNormalization', 'n,5', {}, 'n,5'],
];

const POINTWISE: readonly Row[] = [
  ['Add', 'n,1,3 4,1', {}, 'n,4,3'],
  ['Where', 'n,1,1 4,1 3', {}, 'n,4,3'],
  ['Max', '3 n,1 2,1,1', {}, '2,n,3'],
  ['Less', 'n,4 ()', {}, 'n,4'],
  ['PRelu', 'n,4,5,5 4,1,1', {}, 'n,4,5,5'],
  ['Relu', 'n,2', {}, 'n,2'],
  ['Softmax', 'n,2,3', { axis: 1 }, 'n,2,3'],
  ['Dropout', 'n,2', {}, 'n,2 n,2'],
  ['Identity', '()', {}, '()'],
];

const REDUCTION: readonly Row[] = [
  ['ReduceMean', 'n,3,4', { axes: [-1] }, 'n,3,1'],
  ['ReduceMean', 'n,3,4', { axes: [1, 2], keepdims: 0 }, 'n'],
  ['ReduceL2', 'n,3,4', {}, '1,1,1'],
  ['ReduceSum', 'n,3,4 i:0,-2', { keepdims: 0 }, '4'],
  ['ReduceSum', 'n,3,4 i:', { keepdims: 0 }, '()'],
  ['ReduceSum', 'n,3,4', { noop_with_empty_axes: 1 }, 'n,3,4'],
  ['ArgMax', 'n,3,4', { axis: -1, keepdims: 0 }, 'n,3'],
  ['ArgMin', '2,3,4', {}, '1,3,4'],
];

const LAYOUT: readonly Row[] = [
  ['Flatten', 'n,7,3,2', {}, 'n,42'],
  ['Flatten', 'n,7,3,2', { axis: -1 }, '21*n,2'],
  ['Flatten', 'n,7,3,2', { axis: 0 }, '1,42*n'],
  ['Flatten', 'n,7,3,2', { axis: 4 }, '42*n,1'],
  ['Reshape', 'n,6,4 i:0,2,3,-1', {}, 'n,2,3,4'],
  ['Reshape', 'n,6,4 i:-1,4', {}, '6*n,4'],
  ['Reshape', '6*n,4 i:-1,3,8', {}, 'n,3,8'],
  ['Reshape', '2,0 i:0,0', { allowzero: 1 }, '0,0'],
  ['Reshape', '1 i:', {}, '()'],
  ['Transpose', 'n,2,3', {}, '3,2,n'],
  ['Transpose', 'n,2,3', { perm: [1, 0, 2] }, '2,n,3'],
  ['Squeeze', 'n,1,3,1 i:-1', {}, 'n,1,3'],
  ['Squeeze', 'n,1,3,1', {}, 'n,3'],
  ['Unsqueeze', 'n,3 i:0,-1', {}, '1,n,3,1'],
  ['Expand', 'n,1,3 i:2,1,4,1', {}, '2,n,4,3'],
  ['Tile', 'n,1,3 i:2,1,4', {}, '2*n,1,12'],
  ['Concat', 'n,2,3 n,5,3 n,1,3', { axis: -2 }, 'n,8,3'],
  ['Split', 'n,7 i:1,4,2', { axis: 1 }, 'n,1 n,4 n,2'],
  ['Split', 'n,6', { axis: -1 }, 'n,2 n,2 n,2'],
  ['Slice', 'n,7,9 i:1,-4 i:5,-1 i:1,2 i:2,1', {}, 'n,2,3'],
  ['Slice', '7 i:-1 i:-9223372036854775807 i:0 i:-2', {}, '4'],
  ['Slice', '7,5 i:3 i:100', {}, '4,5'],
  ['Slice', '7 i:5 i:2', {}, '0'],
  ['Slice', 'n,5 i:0 i:9223372036854774784 i:0', {}, 'n,5'],
  ['Pad', 'n,3,4 i:0,1,2,0,0,-3', {}, 'n,4,3'],
  ['Gather', 'n,3,4 2,5', { axis: 1 }, 'n,2,5,4'],
  ['Gather', 'n,3,4 ()', { axis: -1 }, 'n,3'],
];

describe('inferShapes', () => {
  it.each([...WINDOWS, ...PRODUCTS, ...NORMALIZATION, ...POINTWISE, ...REDUCTION, ...LAYOUT])(
    '%s of %s, %j',
    (op, inputs, attributes, outputs) => {
      const expected = outputs.split(' ').map(dims);
      const shapes = inferShapes(single(op, inputs, attributes, expected.length));
      expect(expected.map((_, i) => shapes.get(`y${i}`))).toEqual(expected);
    },
  );

  const square = window([3, 3], [1, 1], [0, 0, 0, 0]);
  it.each<[string, Graph, string, RegExp]>([
    ['an unknown operator', single('Own', '1'), 'operator-unsupported', /node n: operator Own has no shape/],
    ['no image', single('GlobalAveragePool', '2,3'), 'shape-mismatch', /n .*expected \[N, C, H, W\]/],
    ['dynamic height', single('GlobalAveragePool', '2,3,h,4'), 'shape-mismatch', /only the batch may be/],
    ['no channels', single('MaxPool', '2,0,4,4', square), 'shape-mismatch', /size 0/],
    [
      'other channels',
      single('Conv', '1,4,5,5 6,3,3,3'),
      'shape-mismatch',
      /node n \(Conv\): weights \[6,3,3,3\] do not fit 4 channels/,
    ],
    ['uneven groups', single('Conv', '1,4,5,5 5,2,3,3', { group: 2 }), 'shape-mismatch', /do not fit 4/],
    ['a flat kernel', single('Conv', '1,4,5,5 6,4'), 'shape-mismatch', /weights \[6,4\] do not fit/],
    ['a 1-D kernel of images', single('Conv', '1,4,5,5 6,4,3'), 'shape-mismatch', /do not fit \[1,4,5,5\]/],
    ['3-D', single('Conv', '1,4,5,5,5 6,4,3,3,3'), 'operator-unsupported', /node n .*3 dimensions/],
    [
      'a window larger than the image',
      single('Conv', '1,4,5,5 6,4,7,7'),
      'shape-mismatch',
      /a window of \[7,7\] does not fit \[5, 5\]/,
    ],
    [
      'a pool larger than the image',
      single('MaxPool', '1,4,2,9', square),
      'shape-mismatch',
      /a window of \[3,3\] does not fit \[2, 9\]/,
    ],
    [
      'another auto_pad',
      single('MaxPool', '1,4,5,5', { ...square, auto_pad: 'ALL' }),
      'model-invalid',
      /auto_pad/,
    ],
    [
      'strides of 0',
      single('MaxPool', '1,4,5,5', { ...square, strides: [0, 1] }),
      'model-invalid',
      /strides/,
    ],
    [
      'an output shape',
      single('ConvTranspose', '1,4,5,5 4,6,3,3', { output_shape: [9, 9] }),
      'operator-unsupported',
      /output_shape/,
    ],
    [
      'auto_pad of a transposed convolution',
      single('ConvTranspose', '1,4,5,5 4,6,3,3', { auto_pad: 'SAME_UPPER' }),
      'operator-unsupported',
      /auto_pad SAME/,
    ],
    [
      'pads that leave nothing',
      single('ConvTranspose', '1,4,1,1 4,6,2,2', { pads: [1, 1, 1, 1] }),
      'shape-mismatch',
      /leave nothing/,
    ],
    [
      'factors that do not fit',
      single('Gemm', '2,3 5,4', { transB: 1 }),
      'shape-mismatch',
      /\[2,3\] and \[5,4\] do not multiply/,
    ],
    ['a wide bias', single('Gemm', '1,3 3,4 2,4'), 'shape-mismatch', /\[2,4\] does not broadcast to \[1,4\]/],
    ['vectors of other lengths', single('MatMul', '3 4'), 'shape-mismatch', /do not multiply/],
    ['a scalar product', single('MatMul', '() 4'), 'shape-mismatch', /do not multiply/],
    ['terms that do not fit', single('Add', '2,3 2,4'), 'shape-mismatch', /\[2,3\] and \[2,4\] do not broad/],
    ['two dynamic sizes', single('Add', 'n m'), 'shape-mismatch', /\[n\] and \[m\] do not broadcast/],
    ['a wide slope', single('PRelu', '1,3 2,3'), 'shape-mismatch', /\[2,3\] does not broadcast to \[1,3\]/],
    ['scales of others', single('BatchNormalization', '2,3,4,4 4 3 3 3'), 'shape-mismatch', /\[4\] is not/],
    ['no channels to normalize', single('InstanceNormalization', '2 2 2'), 'shape-mismatch', /channel/],
    ['a wide scale', single('LayerNormalization', '2,3 4'), 'shape-mismatch', /do not broadcast/],
    [
      'an axis of nothing',
      single('ReduceMean', '2,3', { axes: [2] }),
      'shape-mismatch',
      /axes \[2\] do not fit/,
    ],
    ['an axis twice', single('ReduceMean', '2,3', { axes: [1, -1] }), 'shape-mismatch', /axes \[1,-1\]/],
    ['a far axis', single('Flatten', '2,3', { axis: -3 }), 'shape-mismatch', /axis -3 does not fit/],
    ['a wrong attribute', single('Flatten', '1,2', { axis: 'one' }), 'model-invalid', /axis is not a whole/],
    ['another size', single('Reshape', '2,3 i:4,2'), 'shape-mismatch', /\[2,3\] does not reshape to \[4,2\]/],
    ['a rest that is no size', single('Reshape', 'n,3 i:-1,2'), 'shape-mismatch', /does not reshape/],
    ['two rests', single('Reshape', '2,3 i:-1,-1'), 'shape-mismatch', /does not reshape/],
    ['a rest of nothing', single('Reshape', '0,3 i:0,-1'), 'shape-mismatch', /does not reshape/],
    ['a size of no axis', single('Reshape', '2 i:2,0'), 'shape-mismatch', /does not reshape/],
    ['a shape from data', single('Reshape', '2,3 2'), 'operator-unsupported', /input x1 must be a constant/],
    ['an order too short', single('Transpose', '2,3', { perm: [0] }), 'shape-mismatch', /perm \[0\]/],
    ['an order that doubles', single('Transpose', '2,3', { perm: [0, 0] }), 'shape-mismatch', /axes \[0,0\]/],
    ['an axis that is not 1', single('Squeeze', 'n,3 i:0'), 'shape-mismatch', /are not all 1/],
    ['repeats too few', single('Tile', '2,3 i:2'), 'shape-mismatch', /repeats \[2\] do not fit/],
    ['parts of other sizes', single('Concat', '2,3 4,4', { axis: 0 }), 'shape-mismatch', /do not join/],
    ['parts too few', single('Split', '2,7 i:3,3', { axis: 1 }, 2), 'shape-mismatch', /do not make 7/],
    ['parts that are not equal', single('Split', '2,7', { axis: 1 }, 2), 'shape-mismatch', /do not make 7/],
    ['a dynamic cut', single('Slice', 'n,7 i:1 i:3'), 'shape-mismatch', /size n must be a fixed number/],
    ['a step of 0', single('Slice', '7 i:1 i:3 i:0 i:0'), 'shape-mismatch', /steps \[0\]/],
    ['bounds of nothing', single('Slice', '7 i:1,1 i:3,3'), 'shape-mismatch', /do not cut \[7\]/],
    ['pads too few', single('Pad', '2,7 i:1,1'), 'shape-mismatch', /pads \[1,1\] do not fit/],
    ['pads that take too much', single('Pad', '7 i:-4,-4'), 'shape-mismatch', /take more/],
    [
      'a value of nobody',
      {
        ...single('Relu', '1'),
        nodes: [{ name: 'n', op: 'Relu', domain: '', inputs: ['z'], outputs: ['y'], attributes: {} }],
      },
      'model-invalid',
      /node n \(Relu\) reads z, which nothing has written/,
    ],
  ])('refuses %s', (_, graph, code, message) => {
    expect(() => inferShapes(graph)).toThrow(MocoError);
    expect(() => inferShapes(graph)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

describe('forwardFlops', () => {
  it.each<[string, Graph, number]>([
    // 2 · N · O · H' · W' · C · k · k
    ['a convolution', single('Conv', '2,3,9,7 5,3,3,3', { strides: [2, 2] }), 2 * 2 * 5 * 4 * 3 * 3 * 9],
    ['a linear layer', single('Gemm', '4,3 5,3', { transB: 1 }), 2 * 4 * 5 * 3],
    ['a product', single('Gemm', '4,3 3,5'), 2 * 4 * 5 * 3],
    ['a batch of products', single('MatMul', '2,4,3 3,5'), 2 * 2 * 4 * 5 * 3],
    ['anything else', single('Relu', '4,3'), 0],
  ])('counts %s', (_, graph, expected) => {
    expect(forwardFlops(graph)).toBe(expected);
  });
});
