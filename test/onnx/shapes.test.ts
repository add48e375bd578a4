import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { forwardFlops } from '../../src/onnx/flops.ts';
import { type Attributes, type Graph, GraphBuilder, type Shape } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';

/** A graph of one node named `n` whose output is y. */
function single(op: string, shapes: readonly Shape[], attributes: Attributes = {}): Graph {
  const g = new GraphBuilder('single', 't');
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
  g.node({ name: 'n', op, domain: '', inputs, outputs: ['y'], attributes });
  return g.build();
}

const window = (kernel: number[], strides: number[], pads: number[]): Attributes => ({
  kernel_shape: kernel,
  strides,
  pads,
});

describe('inferShapes', () => {
  // Expected shapes from the ONNX operator specification, worked out by hand.
  it.each<[string, readonly Shape[], Attributes, Shape]>([
    [
      'Conv',
      [
        [2, 3, 15, 16],
        [5, 3, 7, 7],
      ],
      window([7, 7], [2, 2], [3, 3, 3, 3]),
      [2, 5, 8, 8],
    ],
    [
      'Conv',
      [
        ['batch', 3, 9, 4],
        [5, 3, 1, 3],
      ],
      { strides: [2, 1], pads: [0, 1, 0, 0] },
      ['batch', 5, 5, 3],
    ],
    [
      'Conv',
      [
        [1, 4, 5, 5],
        [6, 2, 3, 3],
      ],
      { group: 2 },
      [1, 6, 3, 3],
    ],
    ['MaxPool', [[2, 3, 15, 16]], window([3, 3], [2, 2], [1, 1, 1, 1]), [2, 3, 8, 8]],
    ['MaxPool', [['n', 3, 5, 4]], window([2, 2], [2, 2], [0, 0, 0, 0]), ['n', 3, 2, 2]],
    ['GlobalAveragePool', [['n', 7, 3, 2]], {}, ['n', 7, 1, 1]],
    ['Flatten', [['n', 7, 3, 2]], {}, ['n', 42]],
    ['Gemm', [['n', 3], [5, 3], [5]], { transB: 1 }, ['n', 5]],
    [
      'Gemm',
      [
        [3, 2],
        [3, 5],
      ],
      { transA: 1 },
      [2, 5],
    ],
    [
      'Add',
      [
        ['n', 1, 3],
        [4, 1],
      ],
      {},
      ['n', 4, 3],
    ],
    ['Relu', [['n', 2]], {}, ['n', 2]],
    ['Identity', [[]], {}, []],
    ['BatchNormalization', [['n', 2, 3, 3], [2], [2], [2], [2]], {}, ['n', 2, 3, 3]],
  ])('%s of %j', (op, inputs, attributes, expected) => {
    expect(inferShapes(single(op, inputs, attributes)).get('y')).toEqual(expected);
  });

  it.each<[string, Graph, string, RegExp]>([
    ['an unknown operator', single('Sin', [[1]]), 'operator-unsupported', /node n: operator Sin/],
    ['no image', single('GlobalAveragePool', [[2, 3]]), 'shape-mismatch', /node n .*expected \[N, C, H, W\]/],
    [
      'dynamic height',
      single('GlobalAveragePool', [[2, 3, 'h', 4]]),
      'shape-mismatch',
      /only the batch may be/,
    ],
    [
      'no channels',
      single('MaxPool', [[2, 0, 4, 4]], window([2, 2], [1, 1], [0, 0, 0, 0])),
      'shape-mismatch',
      /size 0/,
    ],
    [
      'other channels',
      single('Conv', [
        [1, 4, 5, 5],
        [6, 3, 3, 3],
      ]),
      'shape-mismatch',
      /node n \(Conv\): weights \[6,3,3,3\] do not fit 4 channels/,
    ],
    [
      'a flat kernel',
      single('Conv', [
        [1, 4, 5, 5],
        [6, 4],
      ]),
      'shape-mismatch',
      /expected \[N, C, H, W\]/,
    ],
    [
      'a window larger than the image',
      single('Conv', [
        [1, 4, 5, 5],
        [6, 4, 7, 7],
      ]),
      'shape-mismatch',
      /a window of \[7,7\] does not fit \[5, 5\]/,
    ],
    [
      'a pool larger than the image',
      single('MaxPool', [[1, 4, 2, 9]], window([3, 3], [1, 1], [0, 0, 0, 0])),
      'shape-mismatch',
      /a window of \[3,3\] does not fit \[2, 9\]/,
    ],
    [
      'dilation',
      single(
        'Conv',
        [
          [1, 4, 5, 5],
          [6, 4, 3, 3],
        ],
        { dilations: [2, 2] },
      ),
      'operator-unsupported',
      /dilation/,
    ],
    [
      'auto_pad',
      single(
        'Conv',
        [
          [1, 4, 5, 5],
          [6, 4, 3, 3],
        ],
        { auto_pad: 'SAME_UPPER' },
      ),
      'operator-unsupported',
      /auto_pad/,
    ],
    [
      'a 1-D window',
      single('MaxPool', [[1, 4, 5, 5]], { kernel_shape: [3] }),
      'operator-unsupported',
      /not 2-D/,
    ],
    [
      'ceil_mode',
      single('MaxPool', [[1, 4, 5, 5]], { kernel_shape: [3, 3], ceil_mode: 1 }),
      'operator-unsupported',
      /ceil_mode/,
    ],
    ['another axis', single('Flatten', [[1, 4, 5]], { axis: 2 }), 'operator-unsupported', /only axis 1/],
    ['a dynamic rest', single('Flatten', [[1, 'n']]), 'shape-mismatch', /size n must be a fixed number/],
    [
      'factors that do not fit',
      single(
        'Gemm',
        [
          [2, 3],
          [5, 4],
        ],
        { transB: 1 },
      ),
      'shape-mismatch',
      /\[2,3\] and \[5,4\] do not multiply/,
    ],
    [
      'terms that do not fit',
      single('Add', [
        [2, 3],
        [2, 4],
      ]),
      'shape-mismatch',
      /\[2,3\] and \[2,4\] do not broadcast/,
    ],
    [
      'two dynamic sizes',
      single('Add', [['n'], ['m']]),
      'shape-mismatch',
      /\[n\] and \[m\] do not broadcast/,
    ],
    [
      'a wrong attribute',
      single('Flatten', [[1, 2]], { axis: 'one' }),
      'model-invalid',
      /axis is not a whole number/,
    ],
    [
      'a value of nobody',
      {
        ...single('Relu', []),
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
    [
      'a convolution',
      single(
        'Conv',
        [
          [2, 3, 9, 7],
          [5, 3, 3, 3],
        ],
        { strides: [2, 2] },
      ),
      2 * 2 * 5 * 4 * 3 * 3 * 9,
    ],
    [
      'a linear layer',
      single(
        'Gemm',
        [
          [4, 3],
          [5, 3],
        ],
        { transB: 1 },
      ),
      2 * 4 * 5 * 3,
    ],
    [
      'a matrix product',
      single('Gemm', [
        [4, 3],
        [3, 5],
      ]),
      2 * 4 * 5 * 3,
    ],
    ['anything else', single('Relu', [[4, 3]]), 0],
  ])('counts %s', (_, graph, expected) => {
    expect(forwardFlops(graph)).toBe(expected);
  });
});
