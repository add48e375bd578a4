/** One-node graphs with inputs: at least one for every operator that has a shape rule, and one for each known trap. */
import type { Attributes, Constant, ElementType, Graph } from '../../src/onnx/graph.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { DATA_TYPES, inferTypes } from '../../src/onnx/types.ts';
import { generator, normals } from '../kernels/inputs.ts';

/** An input of the graph. */
export interface Operand {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface Sample {
  readonly what: string;
  readonly op: string;
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, Operand>;
}

type Input = Operand | { readonly constant: Constant } | null;

/** @param more outputs after the first, with their types */
function sample(
  op: string,
  what: string,
  inputs: readonly Input[],
  attributes: Attributes = {},
  more: readonly ElementType[] = [],
): Sample {
  const g = new GraphBuilder(op, 'e');
  const feeds = new Map<string, Operand>();
  const names = inputs.map((input, i) => {
    const name = `x${i}`;
    if (input === null) return '';
    if ('constant' in input) return g.constant(name, input.constant);
    feeds.set(name, input);
    return g.input(name, input.shape, input.type);
  });
  const outputs = ['y', ...more.map((_, i) => `z${i}`)];
  g.node({ name: 'n', op, domain: '', inputs: names, outputs, attributes });
  const graph = g.build();
  const [shapes, types] = [inferShapes(graph), inferTypes(graph)];
  g.output('y', shapes.get('y')!, types.get('y'));
  more.forEach((type, i) => {
    g.output(`z${i}`, shapes.get(`z${i}`)!, type);
  });
  return { op, what: `${op} ${what}`, graph: g.build(), feeds };
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Normal values: whole numbers where the type has no others, none of them 0; of booleans, both. */
function operand(shape: readonly number[], type: ElementType = 'float32', seed = 1): Operand {
  const values = normals(sizeOf(shape), generator(seed), 1);
  const data = Array.from(values, (x, i) => {
    if (type === 'bool') return x > 0 ? 1 : 0;
    return type === 'float32' ? x : 1 + Math.floor(Math.abs(x * 3)) + (i % 2);
  });
  return { type, shape, data };
}

/** Values above 0. */
const above = (x: Operand): Operand => ({ ...x, data: x.data.map((value) => Math.abs(value) + 0.1) });

const ints = (...values: readonly number[]): Input => ({
  constant: { type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) },
});
const scalar = (value: number): Input => ({
  constant: { type: 'float32', shape: [], data: Float32Array.of(value) },
});

/** Where activations bend, and where eˣ leaves float32. */
const FAR = [-100, -89, -20, -3, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.5, 2.5, 20, 88.5, 100];
const far: Operand = { type: 'float32', shape: [4, 4], data: FAR };

const NUMBERS: readonly ElementType[] = ['float32', 'int32', 'int64'];
const ALL: readonly ElementType[] = [...NUMBERS, 'bool'];

const FLOAT_UNARY = (
  'Relu LeakyRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Mish Gelu Erf ' +
  'Softmax LogSoftmax Exp Reciprocal Floor Ceil Round Sin Cos Tan Identity Dropout Abs Neg Sign'
).split(' ');

const unary: readonly Sample[] = [
  ...FLOAT_UNARY.map((op) => sample(op, 'of float32', [far])),
  ...['Log', 'Sqrt'].map((op) => sample(op, 'of float32', [above(far)])),
  ...(['int32', 'int64'] as const).flatMap((type) =>
    ['Relu', 'Identity', 'Abs', 'Neg', 'Sign'].map((op) => sample(op, `of ${type}`, [operand([2, 3], type)])),
  ),
  sample('Identity', 'of bool', [operand([2, 3], 'bool')]),
  sample('Not', 'of bool', [operand([2, 3], 'bool')]),
  sample('Softmax', 'along axis 1 of three', [operand([2, 3, 4])], { axis: 1 }),
  sample('LogSoftmax', 'along axis 1 of three', [operand([2, 3, 4])], { axis: 1 }),
  sample('Clip', 'between two bounds', [far, scalar(-1), scalar(2)]),
  sample('Clip', 'from below', [far, scalar(-1)]),
  sample('Clip', 'from above', [far, null, scalar(2)]),
  ...NUMBERS.map((type) => sample('Clip', `of ${type} without bounds`, [operand([2, 3], type)])),
  sample('Trilu', 'of float32', [operand([3, 4])]),
  sample('Trilu', 'of the lower half', [operand([3, 4])], { upper: 0 }),
  ...ALL.slice(1).map((type) => sample('Trilu', `of ${type}`, [operand([3, 4], type)])),
  ...ALL.flatMap((from) =>
    ALL.filter((to) => to !== from).map((to) =>
      sample('Cast', `from ${from} to ${to}`, [operand([2, 3], from)], { to: DATA_TYPES[to] }),
    ),
  ),
];

/** Shapes that broadcast in every way that shaders tell apart. */
const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[2, 3, 4], []],
  [[2, 3, 4], [4]],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [
    [3, 1],
    [2, 3, 4],
  ],
  [
    [2, 3, 1],
    [1, 4],
  ],
  [
    [2, 3, 5],
    [3, 1],
  ],
  [[3], [3]],
];

const ARITHMETIC = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max'];
const COMPARISONS = ['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'];

const binary: readonly Sample[] = [
  ...[...ARITHMETIC, ...COMPARISONS, 'Sum', 'Mean'].flatMap((op) =>
    PAIRS.map(([a, b]) => {
      const [x, y] = [operand(a, 'float32', 1), operand(b, 'float32', 2)];
      return sample(op, `of [${a}] and [${b}]`, [op === 'Pow' ? above(x) : x, y]);
    }),
  ),
  ...(['int32', 'int64'] as const).flatMap((type) =>
    [...ARITHMETIC, ...COMPARISONS, 'Mod'].map((op) =>
      sample(op, `of ${type}`, [operand([2, 3], type, 1), operand([2, 3], type, 2)]),
    ),
  ),
  sample('Mod', 'of float32', [operand([2, 3]), above(operand([2, 3]))], { fmod: 1 }),
  ...['And', 'Or', 'Xor', 'Equal'].map((op) =>
    sample(op, 'of bool', [operand([2, 3], 'bool', 1), operand([2, 3], 'bool', 2)]),
  ),
  ...['Min', 'Max', 'Sum', 'Mean'].flatMap((op) => [
    sample(op, 'of one', [operand([2, 3])]),
    sample(op, 'of three', [
      operand([2, 3], 'float32', 1),
      operand([3], 'float32', 2),
      operand([2, 1], 'float32', 3),
    ]),
  ]),
  sample('PRelu', 'with a slope a channel', [operand([2, 3, 4]), operand([3, 1], 'float32', 2)]),
  sample('PRelu', 'with one slope', [operand([2, 3, 4]), operand([1], 'float32', 2)]),
  ...ALL.map((type) =>
    sample('Where', `of ${type}`, [
      operand([2, 3], 'bool'),
      operand([2, 3], type, 2),
      operand([2, 3], type, 3),
    ]),
  ),
  sample('Where', 'that broadcasts', [
    operand([3, 1], 'bool'),
    operand([2, 3, 4], 'float32', 2),
    operand([], 'float32', 3),
  ]),
];

const layout: readonly Sample[] = ALL.flatMap((type) => {
  const x = operand([2, 3, 4], type);
  const of = `of ${type}`;
  return [
    sample('Flatten', of, [x]),
    sample('Reshape', of, [x, ints(0, -1)]),
    sample('Transpose', of, [x], { perm: [2, 0, 1] }),
    sample('Squeeze', of, [operand([2, 1, 3], type), ints(1)]),
    sample('Unsqueeze', of, [x, ints(1)]),
    sample('Expand', of, [operand([2, 1, 4], type), ints(2, 3, 4)]),
    sample('Tile', of, [x, ints(1, 2, 1)]),
    sample('Concat', of, [x, operand([2, 2, 4], type, 2)], { axis: 1 }),
    sample('Split', of, [x, ints(1, 2)], { axis: 1 }, [type]),
    sample('Slice', of, [x, ints(0, 1), ints(2, 4), ints(1, 2), ints(1, 2)]),
    sample('Slice', `${of} backwards`, [x, ints(-1), ints(-100), ints(2), ints(-1)]),
    sample('Pad', of, [x, ints(0, 1, 0, 0, 0, 2)]),
    sample('Gather', of, [x, ints(2, 0)], { axis: 1 }),
  ];
}).concat(
  (['reflect', 'edge'] as const).map((mode) =>
    sample('Pad', `in mode ${mode}`, [operand([2, 3, 4]), ints(0, 1, 1, 0, 1, 2)], { mode }),
  ),
  sample('Pad', 'that cuts off', [operand([2, 3, 4]), ints(0, 0, -1, 0, 0, -1)]),
  sample('Gather', 'by an input', [operand([3, 4]), { type: 'int64', shape: [2], data: [2, 0] }]),
);

const REDUCTIONS = 'Mean Sum Max Min Prod L1 L2 SumSquare LogSum LogSumExp'
  .split(' ')
  .map((name) => `Reduce${name}`);

const reduction: readonly Sample[] = [
  ...REDUCTIONS.flatMap((op) => {
    const reduced = (what: string, x: Operand, axes: readonly number[], keepdims: number) =>
      op === 'ReduceSum'
        ? sample(op, what, [x, ints(...axes)], { keepdims })
        : sample(op, what, [x], { axes, keepdims });
    const normal = operand([2, 3, 4]);
    const large = { ...normal, data: normal.data.map((value) => value + 95) };
    const x = op === 'ReduceLogSum' ? above(normal) : op === 'ReduceLogSumExp' ? large : normal;
    return [
      reduced('along the last axis', x, [2], 0),
      reduced('along the first and the last axis', x, [0, 2], 1),
      sample(op, 'along all axes', [x], { keepdims: 0 }),
      ...(['int32', 'int64'] as const).map((type) => reduced(`of ${type}`, operand([2, 3], type), [1], 0)),
    ];
  }),
  ...['ArgMax', 'ArgMin'].flatMap((op) => [
    sample(op, 'of float32', [operand([2, 3, 4])], { axis: 1 }),
    ...(['int32', 'int64'] as const).map((type) =>
      sample(op, `of ${type}`, [operand([2, 3, 4], type)], { axis: 1 }),
    ),
  ]),
];

const square = (size: number, pad = 0, stride = 1): Attributes => ({
  kernel_shape: [size, size],
  strides: [stride, stride],
  pads: [pad, pad, pad, pad],
});

/** A convolution of `from` channels into `to` of a small image. */
function conv(from: number, to: number, group = 1, kernel = 3): Sample {
  const w = operand([to, from / group, kernel, kernel], 'float32', 2);
  const attributes = { ...square(kernel, (kernel - 1) / 2), group };
  return sample(
    'Conv',
    `of ${from} channels into ${to} in ${group} groups, ${kernel}×${kernel}`,
    [operand([2, from, 5, 5]), w, operand([to], 'float32', 3)],
    attributes,
  );
}

function convTranspose(from: number, perGroup: number, group: number): Sample {
  const what = `of ${from} channels into ${perGroup} a group in ${group} groups`;
  const w = operand([from, perGroup, 2, 2], 'float32', 2);
  return sample('ConvTranspose', what, [operand([1, from, 3, 3]), w], { ...square(2), group });
}

const windows: readonly Sample[] = [
  ...[
    [3, 4],
    [4, 4],
    [6, 4],
    [9, 8],
    [6, 5],
    [5, 4],
    [15, 4],
    [6, 3],
  ].flatMap(([from = 0, to = 0]) => [conv(from, to), conv(from, to, 1, 1)]),
  ...[
    [4, 4, 4],
    [6, 6, 6],
    [8, 8, 2],
    [6, 6, 2],
    [12, 8, 2],
    [12, 4, 2],
    [4, 8, 4],
  ].map(([from = 0, to = 0, group]) => conv(from, to, group)),
  sample('Conv', 'of a line', [operand([2, 3, 7]), operand([4, 3, 3], 'float32', 2)], { kernel_shape: [3] }),
  sample('Conv', 'of a line of six channels', [operand([2, 6, 7]), operand([4, 6, 3], 'float32', 2)], {
    kernel_shape: [3],
  }),
  ...[square(1, 0, 2), square(1, 1)].map((attributes, i) =>
    sample(
      'Conv',
      `of six channels, 1×1 ${i === 0 ? 'with stride' : 'padded'}`,
      [operand([1, 6, 5, 5]), operand([4, 6, 1, 1], 'float32', 2)],
      attributes,
    ),
  ),
  sample('Conv', 'of six channels as large as the image', [
    operand([1, 6, 3, 3]),
    operand([4, 6, 3, 3], 'float32', 2),
  ]),
  sample('Conv', 'dilated, with stride', [operand([1, 4, 7, 7]), operand([4, 4, 3, 3], 'float32', 2)], {
    ...square(3, 1, 2),
    dilations: [2, 2],
  }),
  sample('Conv', 'with auto_pad', [operand([1, 4, 7, 7]), operand([4, 4, 3, 3], 'float32', 2)], {
    auto_pad: 'SAME_UPPER',
  }),
  ...[
    [4, 4, 1],
    [6, 4, 1],
    [8, 1, 1],
    [8, 1, 2],
    [4, 1, 2],
    [6, 1, 2],
    [4, 1, 4],
    [8, 2, 2],
    [8, 4, 2],
    [6, 2, 2],
  ].map(([from = 0, perGroup = 0, group = 0]) => convTranspose(from, perGroup, group)),
  sample('ConvTranspose', 'with stride', [operand([1, 4, 3, 3]), operand([4, 3, 3, 3], 'float32', 2)], {
    ...square(3, 1, 2),
    output_padding: [1, 1],
  }),
  sample('ConvTranspose', 'dilated', [operand([1, 4, 3, 3]), operand([4, 3, 3, 3], 'float32', 2)], {
    ...square(3),
    dilations: [2, 2],
  }),
  sample('ConvTranspose', 'of a line', [operand([1, 4, 5]), operand([4, 3, 2], 'float32', 2)], {
    kernel_shape: [2],
  }),
  ...['MaxPool', 'AveragePool'].flatMap((op) => [
    sample(op, 'of an image', [operand([1, 2, 5, 5])], square(2, 0, 2)),
    sample(op, 'padded', [operand([1, 2, 5, 5])], square(3, 1, 2)),
    sample(op, 'of a line', [operand([1, 2, 5])], { kernel_shape: [2] }),
    sample(op, 'with ceil_mode', [operand([1, 2, 6, 6])], { ...square(3, 0, 2), ceil_mode: 1 }),
    sample(op, 'with ceil_mode, the last window in the padding', [operand([1, 2, 4, 4])], {
      ...square(2, 1, 3),
      ceil_mode: 1,
    }),
  ]),
  sample('MaxPool', 'dilated', [operand([1, 2, 6, 6])], { ...square(2), dilations: [2, 2] }),
  sample('MaxPool', 'with Indices', [operand([1, 2, 4, 4])], square(2), ['int64']),
  sample('AveragePool', 'that counts padding', [operand([1, 2, 5, 5])], {
    ...square(3, 1, 2),
    count_include_pad: 1,
  }),
  sample('AveragePool', 'that counts padding, with ceil_mode', [operand([1, 2, 6, 6])], {
    ...square(3, 1, 2),
    ceil_mode: 1,
    count_include_pad: 1,
  }),
  ...['GlobalAveragePool', 'GlobalMaxPool'].flatMap((op) => [
    sample(op, 'of an image', [operand([2, 3, 4, 5])]),
    sample(op, 'of a line', [operand([2, 3, 4])]),
  ]),
];

const channel = (seed: number) => operand([3], 'float32', seed);

const others: readonly Sample[] = [
  sample('Gemm', 'plain', [operand([3, 4]), operand([4, 5], 'float32', 2)]),
  sample(
    'Gemm',
    'transposed, with a bias',
    [operand([4, 3]), operand([5, 4], 'float32', 2), operand([5], 'float32', 3)],
    {
      transA: 1,
      transB: 1,
      alpha: { float: 0.5 },
      beta: { float: 2 },
    },
  ),
  sample('Gemm', 'with a bias a row', [
    operand([3, 4]),
    operand([4, 5], 'float32', 2),
    operand([3, 1], 'float32', 3),
  ]),
  ...[
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [2, 4, 5],
    ],
    [[4], [4, 5]],
    [[3, 4], [4]],
    [[4], [4]],
    [[2, 3, 4], [4]],
  ].map(([a = [], b = []]) =>
    sample('MatMul', `of [${a}] and [${b}]`, [operand(a), operand(b, 'float32', 2)]),
  ),
  ...(['int32', 'int64'] as const).map((type) =>
    sample('MatMul', `of ${type}`, [operand([3, 4], type), operand([4, 5], type, 2)]),
  ),
  ...[
    [2, 3, 4, 4],
    [2, 3, 5],
    [4, 3],
  ].map((shape) =>
    sample('BatchNormalization', `of [${shape}]`, [
      operand(shape),
      channel(2),
      channel(3),
      channel(4),
      above(channel(5)),
    ]),
  ),
  sample(
    'BatchNormalization',
    'in training mode',
    [operand([2, 3, 4, 4]), channel(2), channel(3), channel(4), above(channel(5))],
    { training_mode: 1 },
    ['float32', 'float32'],
  ),
  ...[
    [2, 3, 4, 4],
    [2, 3, 5],
  ].map((shape) =>
    sample('InstanceNormalization', `of [${shape}]`, [operand(shape), channel(2), channel(3)]),
  ),
  sample('LayerNormalization', 'of the last axis', [
    operand([2, 3, 4]),
    operand([4], 'float32', 2),
    operand([4], 'float32', 3),
  ]),
  sample(
    'LayerNormalization',
    'of two axes',
    [operand([2, 3, 4]), operand([3, 4], 'float32', 2), operand([3, 4], 'float32', 3)],
    {
      axis: 1,
    },
  ),
  sample('LayerNormalization', 'without bias', [operand([2, 3, 4]), operand([4], 'float32', 2)]),
  sample(
    'LayerNormalization',
    'with its statistics',
    [operand([2, 3, 4]), operand([4], 'float32', 2), operand([4], 'float32', 3)],
    {},
    ['float32', 'float32'],
  ),
  sample('LpNormalization', 'of the last axis', [operand([2, 3, 4])]),
  sample('LpNormalization', 'by absolute values', [operand([2, 3, 4])], { axis: 1, p: 1 }),
];

export const SAMPLES: readonly Sample[] = [
  ...unary,
  ...binary,
  ...layout,
  ...reduction,
  ...windows,
  ...others,
];
