/** What test/autodiff/structure.backends.test.ts holds against finite differences. */
import fc from 'fast-check';
import type { DifferentiateOptions } from '../../src/autodiff/differentiate.ts';
import type { Attributes, GraphBuilder } from '../../src/onnx/graph.ts';
import type { Array64 } from './pointwise-reference.ts';
import {
  type Axis,
  affine,
  at,
  average,
  convolution,
  make,
  matmul,
  maximum,
  moved,
  outputOf,
  standardized,
  transposedConvolution,
} from './structure-reference.ts';

export interface StructureCase {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  build(g: GraphBuilder, inputs: readonly string[]): string;
  evaluate(inputs: readonly Array64[]): Array64;
  /** Inputs whose first axis may be open, by default the first. */
  readonly batched?: readonly number[];
  /** Inputs that are above 0; inputs whose gradient is not asked for. */
  readonly positive?: readonly number[];
  readonly constant?: readonly number[];
  /** All values of an input differ. */
  readonly distinct?: boolean;
  /** Rounding errors of a gradient in units of 2⁻²⁴ beside one for each term, and what cancels beside the terms for |dy| = 1. */
  readonly roundings?: number;
  readonly cancels?: number;
  readonly options?: Partial<DifferentiateOptions>;
}

type Evaluate = StructureCase['evaluate'];
const op =
  (
    name: string,
    attributes: Attributes = {},
    ints: readonly (readonly number[])[] = [],
  ): StructureCase['build'] =>
  (g, inputs) =>
    g.op(name, [...inputs, ...ints.map((values) => g.ints(values))], attributes);

function attributesOf(axes: readonly Axis[], more: Attributes = {}): Attributes {
  const each = (pick: (axis: Axis) => number) => axes.map(pick);
  const dilations = each(({ dilation }) => dilation);
  return {
    kernel_shape: each(({ kernel }) => kernel),
    strides: each(({ stride }) => stride),
    pads: [...each(({ begin }) => begin), ...each(({ end }) => end)],
    ...(dilations.every((d) => d === 1) ? {} : { dilations }),
    ...more,
  };
}

/** [kernel, stride, pad at the beginning, at the end, dilation] */
type Numbers = readonly [number, number?, number?, number?, number?];
const axis = ([kernel, stride = 1, begin = 0, end = begin, dilation = 1]: Numbers): Axis => ({
  kernel,
  stride,
  begin,
  end,
  dilation,
});

function conv(
  name: string,
  x: readonly number[],
  [outputs, groups]: readonly [number, number],
  windows: readonly Numbers[],
  bias = false,
): StructureCase {
  const axes = windows.map(axis);
  const w = [outputs, x[1]! / groups, ...axes.map(({ kernel }) => kernel)];
  return {
    name: `Conv, ${name}`,
    shapes: [x, w, ...(bias ? [[outputs]] : [])],
    build: op('Conv', attributesOf(axes, groups > 1 ? { group: groups } : {})),
    evaluate: ([image, weights, b]) => convolution(image!, weights!, b, axes, groups),
  };
}

function convTranspose(
  name: string,
  x: readonly number[],
  [perGroup, groups]: readonly [number, number],
  windows: readonly Numbers[],
  { extra = windows.map(() => 0), bias = false } = {},
): StructureCase {
  const axes = windows.map(axis);
  const w = [x[1]!, perGroup, ...axes.map(({ kernel }) => kernel)];
  const group: Attributes = groups > 1 ? { group: groups } : {};
  return {
    name: `ConvTranspose, ${name}`,
    shapes: [x, w, ...(bias ? [[perGroup * groups]] : [])],
    build: op('ConvTranspose', attributesOf(axes, { output_padding: extra, ...group })),
    evaluate: ([image, weights, b]) => transposedConvolution(image!, weights!, b, axes, groups, extra),
  };
}

function pool(
  kind: 'MaxPool' | 'AveragePool',
  name: string,
  x: readonly number[],
  windows: readonly Numbers[],
  { ceil = false, padding = false } = {},
): StructureCase {
  const axes = windows.map(axis);
  const more = { ...(ceil ? { ceil_mode: 1 } : {}), ...(padding ? { count_include_pad: 1 } : {}) };
  return {
    name: `${kind}, ${name}`,
    shapes: [x],
    build: op(kind, attributesOf(axes, more)),
    evaluate: ([image]) =>
      kind === 'MaxPool' ? maximum(image!, axes, ceil) : average(image!, axes, ceil, padding),
    distinct: kind === 'MaxPool',
  };
}

/** Whether each window, with ceil_mode too, has a tap inside the image. */
function reachesImage({ kernel, stride, begin, dilation, ...rest }: Axis, size: number): boolean {
  const windows = outputOf(size, { kernel, stride, begin, dilation, ...rest }, true);
  return Array.from({ length: windows }, (_, i) => i * stride - begin).every((start) =>
    Array.from({ length: kernel }, (_, tap) => start + tap * dilation).some((at) => at >= 0 && at < size),
  );
}

/** Windows of which at least one fits, in one dimension or two. */
export function drawnWindow(
  kind: 'Conv' | 'ConvTranspose' | 'MaxPool' | 'AveragePool',
): fc.Arbitrary<StructureCase> {
  const small = (min: number, max: number) => fc.integer({ min, max });
  const dilation = kind === 'AveragePool' ? fc.constant(1) : small(1, 3);
  const along = fc
    .tuple(small(1, 3), small(1, 3), small(0, 2), small(0, 2), dilation, small(1, 8))
    .map(([kernel, stride, begin, end, d, size]) => {
      // Pooling takes no pads as large as the kernel.
      const most = kind === 'MaxPool' || kind === 'AveragePool' ? kernel - 1 : 2;
      return { window: axis([kernel, stride, Math.min(begin, most), Math.min(end, most), d]), size };
    })
    .filter(({ window, size }) =>
      kind === 'ConvTranspose'
        ? (size - 1) * window.stride + (window.kernel - 1) * window.dilation + 1 > window.begin + window.end
        : outputOf(size, window) >= 1,
    )
    // A maximum of nothing but padding is −∞, which has no gradient.
    .filter(({ window, size }) => kind !== 'MaxPool' || reachesImage(window, size));
  return fc
    .record({
      axes: fc.array(along, { minLength: 1, maxLength: 2 }),
      batch: small(1, 3),
      groups: small(1, 3),
      from: small(1, 3),
      to: small(1, 3),
      flag: fc.boolean(),
      ceil: fc.boolean(),
    })
    .map(({ axes, batch, groups, from, to, flag, ceil }) => {
      const x = [batch, from * groups, ...axes.map(({ size }) => size)];
      const windows = axes.map(
        ({ window: { kernel, stride, begin, end, dilation } }): Numbers => [
          kernel,
          stride,
          begin,
          end,
          dilation,
        ],
      );
      if (kind === 'Conv') return conv('drawn', x, [to * groups, groups], windows, flag);
      if (kind === 'ConvTranspose') {
        const extra = axes.map(({ window }) => (ceil ? window.stride - 1 : 0));
        return convTranspose('drawn', x, [to, groups], windows, { extra, bias: flag });
      }
      return pool(kind, 'drawn', x, windows, { ceil, padding: flag && kind === 'AveragePool' });
    });
}

/** α·A'·B' + β·C, from the definition of each. */
function gemm(
  name: string,
  shapes: readonly (readonly number[])[],
  transA: number,
  transB: number,
): StructureCase {
  const flip = (x: Array64, isFlipped: number) =>
    isFlipped ? make([x.shape[1]!, x.shape[0]!], ([i = 0, j = 0]) => at(x, [j, i])) : x;
  return {
    name: `Gemm, ${name}`,
    shapes,
    batched: transA ? [] : [0],
    build: op('Gemm', { transA, transB, alpha: { float: 0.5 }, beta: { float: 1.5 } }),
    evaluate: ([a, b, c]) => {
      const y = matmul(flip(a!, transA), flip(b!, transB));
      return make(y.shape, (place) => {
        const own = c?.shape.map((n, i) => (n === 1 ? 0 : place[i + 2 - c.shape.length]!)) ?? [];
        return 0.5 * at(y, place) + (c ? 1.5 * at(c, own) : 0);
      });
    },
  };
}

function product(
  name: string,
  a: readonly number[],
  b: readonly number[],
  batched: readonly number[] = [0],
): StructureCase {
  return {
    name: `MatMul, ${name}`,
    shapes: [a, b],
    batched,
    build: op('MatMul'),
    evaluate: ([left, right]) => matmul(left!, right!),
  };
}

/** The rule's means, products and differences round a few times more than there are terms; what cancels in them is about γ/σ. */
const NORM = { roundings: 40, cancels: 3 } as const;
const EPSILON = 1e-3;

function layerNorm(name: string, x: readonly number[], first: number, bias = true): StructureCase {
  const rest = x.slice(first);
  return {
    name: `LayerNormalization, ${name}`,
    shapes: [x, rest, ...(bias ? [rest] : [])],
    build: op('LayerNormalization', { axis: first - x.length, epsilon: { float: EPSILON } }),
    evaluate: ([image, gamma, beta]) =>
      affine(
        standardized(image!, EPSILON, (place) => String(place.slice(0, first))),
        gamma!,
        beta,
        (place) => place.slice(first),
      ),
    ...NORM,
  };
}

const channelOf = (place: number[]) => [place[1]!];

function instanceNorm(x: readonly number[]): StructureCase {
  return {
    name: `InstanceNormalization of [${x}]`,
    shapes: [x, [x[1]!], [x[1]!]],
    build: op('InstanceNormalization', { epsilon: { float: EPSILON } }),
    evaluate: ([image, gamma, beta]) =>
      affine(
        standardized(image!, EPSILON, (place) => String(place.slice(0, 2))),
        gamma!,
        beta,
        channelOf,
      ),
    ...NORM,
  };
}

function batchNorm(x: readonly number[], mode: 'train' | 'eval'): StructureCase {
  const channels = [x[1]!];
  const train: Evaluate = ([image, gamma, beta]) =>
    affine(
      standardized(image!, EPSILON, (place) => String(place[1])),
      gamma!,
      beta,
      channelOf,
    );
  const evaluate: Evaluate = ([image, gamma, beta, mean, variance]) =>
    make(image!.shape, (place) => {
      const c = channelOf(place);
      const scale = at(gamma!, c) / Math.sqrt(at(variance!, c) + EPSILON);
      return (at(image!, place) - at(mean!, c)) * scale + at(beta!, c);
    });
  return {
    name: `BatchNormalization, ${mode}, of [${x}]`,
    shapes: [x, channels, channels, ...(mode === 'eval' ? [channels, channels] : [])],
    build: (g, inputs) => {
      const statistics = mode === 'eval' ? [] : ['mean', 'variance'].map((name) => g.input(name, channels));
      return g.op('BatchNormalization', [...inputs, ...statistics], { epsilon: { float: EPSILON } });
    },
    evaluate: mode === 'eval' ? evaluate : train,
    options: { batchNorm: mode },
    positive: [4],
    constant: [3, 4],
    ...NORM,
  };
}

/** An operator that moves elements: where those of y come from. */
function layout(
  name: string,
  build: StructureCase['build'],
  x: readonly number[],
  y: readonly number[],
  from: (place: number[]) => readonly number[] | null,
): StructureCase {
  return { name, shapes: [x], build, evaluate: ([image]) => moved(image!, y, from) };
}

const X = [2, 3, 4] as const;
/** The same elements in the same order. */
const renamed = (
  name: string,
  build: StructureCase['build'],
  x: readonly number[],
  y: readonly number[],
): StructureCase => ({
  name,
  shapes: [x],
  build,
  evaluate: ([image]) => ({ shape: y, data: image!.data }),
});
const reflect = (i: number, n: number): number => (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i);
const clamp = (i: number, n: number) => Math.max(0, Math.min(n - 1, i));
const join = (a: Array64, b: Array64, y: readonly number[], size: number): Array64 =>
  make(y, ([n = 0, c = 0, ...rest]) => (c < size ? at(a, [n, c, ...rest]) : at(b, [n, c - size, ...rest])));

export const STRUCTURE_CASES: readonly StructureCase[] = [
  conv(
    'depthwise',
    [2, 4, 5, 6],
    [4, 4],
    [
      [3, 1, 1],
      [3, 1, 1],
    ],
    true,
  ),
  conv(
    'depthwise, stride 2',
    [2, 3, 6, 5],
    [3, 3],
    [
      [3, 2, 1],
      [3, 2, 1],
    ],
  ),
  conv(
    'depthwise, two outputs a channel',
    [2, 3, 5, 4],
    [6, 3],
    [
      [3, 1, 1],
      [3, 1, 1],
    ],
  ),
  conv(
    'groups of 4 and 2, stride 2',
    [2, 8, 5, 4],
    [4, 2],
    [
      [3, 2, 1],
      [3, 2, 1],
    ],
  ),
  conv(
    'groups of two into one, stride 2',
    [2, 8, 5, 4],
    [4, 4],
    [
      [3, 2, 1],
      [3, 2, 1],
    ],
  ),
  conv(
    'groups of one into two, stride 2, a row left over',
    [2, 2, 6, 4],
    [4, 2],
    [
      [3, 2],
      [2, 2],
    ],
  ),
  conv(
    'dilated',
    [2, 3, 7, 6],
    [2, 1],
    [
      [3, 1, 2, 2, 2],
      [2, 1, 1, 0, 3],
    ],
  ),
  conv(
    'dilated, stride 2, uneven pads',
    [1, 2, 9, 8],
    [3, 1],
    [
      [3, 2, 2, 0, 2],
      [3, 2, 0, 1, 1],
    ],
    true,
  ),
  conv(
    'depthwise, dilated, large pads',
    [1, 4, 5, 5],
    [4, 4],
    [
      [3, 1, 4, 5, 2],
      [3, 1, 1],
    ],
  ),
  conv('1-D', [2, 3, 7], [4, 1], [[3, 1, 1]], true),
  conv('1-D, 6 into 4', [2, 6, 5], [4, 1], [[3, 1, 1]]),
  conv('1-D, 4 into 6, dilated', [2, 4, 6], [6, 1], [[2, 1, 1, 1, 2]]),
  conv('1-D, depthwise, stride 2', [2, 4, 7], [4, 4], [[3, 2, 1]]),
  {
    ...conv(
      'auto_pad SAME_UPPER',
      [2, 2, 5, 6],
      [3, 1],
      [
        [2, 1, 0, 1],
        [3, 2, 0, 1],
      ],
    ),
    build: op('Conv', { kernel_shape: [2, 3], strides: [1, 2], auto_pad: 'SAME_UPPER' }),
  },
  {
    ...conv(
      'auto_pad SAME_LOWER',
      [2, 2, 5, 6],
      [3, 1],
      [
        [2, 1, 1, 0],
        [3, 2, 1, 0],
      ],
    ),
    build: op('Conv', { kernel_shape: [2, 3], strides: [1, 2], auto_pad: 'SAME_LOWER' }),
  },
  convTranspose(
    'stride 2, output padding',
    [2, 3, 3, 4],
    [2, 1],
    [
      [3, 2, 1],
      [3, 2, 1],
    ],
    {
      extra: [1, 0],
      bias: true,
    },
  ),
  convTranspose(
    '2×2 stride 2',
    [2, 6, 3, 2],
    [4, 1],
    [
      [2, 2],
      [2, 2],
    ],
  ),
  convTranspose(
    'groups',
    [2, 6, 3, 4],
    [3, 2],
    [
      [3, 2, 1],
      [2, 1, 0, 1],
    ],
  ),
  convTranspose(
    'depthwise',
    [2, 4, 3, 4],
    [1, 4],
    [
      [3, 2, 1],
      [3, 2, 1],
    ],
    { extra: [1, 1] },
  ),
  convTranspose(
    'groups of two into one',
    [2, 8, 3, 2],
    [1, 4],
    [
      [3, 2, 1],
      [2, 3, 0, 1],
    ],
    {
      extra: [1, 0],
      bias: true,
    },
  ),
  convTranspose('groups of two into one, 1-D', [2, 4, 4], [1, 2], [[3, 2, 1]], { extra: [1] }),
  convTranspose(
    'groups of two into one, uneven large pads',
    [1, 4, 4, 5],
    [1, 2],
    [
      [2, 2, 2, 1],
      [3, 1, 1, 3],
    ],
  ),
  convTranspose(
    'dilated',
    [2, 2, 3, 3],
    [3, 1],
    [
      [2, 2, 1, 1, 2],
      [3, 1, 1, 1, 2],
    ],
    { extra: [1, 0] },
  ),
  convTranspose('1-D', [2, 3, 5], [4, 1], [[3, 2, 1]], { extra: [1] }),

  pool(
    'MaxPool',
    'ceil_mode',
    [2, 2, 6, 5],
    [
      [3, 2],
      [2, 2],
    ],
    { ceil: true },
  ),
  pool(
    'MaxPool',
    'ceil_mode, a window that would begin in the padding',
    [1, 2, 5, 5],
    [
      [2, 3, 1],
      [2, 3, 1],
    ],
    {
      ceil: true,
    },
  ),
  pool(
    'MaxPool',
    'dilated',
    [2, 2, 7, 6],
    [
      [2, 1, 1, 1, 2],
      [3, 2, 1, 1, 2],
    ],
  ),
  pool('MaxPool', '1-D', [2, 3, 8], [[3, 2, 1]]),
  ...[false, true].flatMap((padding) => [
    pool(
      'AveragePool',
      `3×3 stride 2 padded, padding counts: ${padding}`,
      [2, 2, 6, 5],
      [
        [3, 2, 1],
        [3, 2, 1],
      ],
      {
        padding,
      },
    ),
    pool(
      'AveragePool',
      `3×3 stride 1 uneven, padding counts: ${padding}`,
      [2, 2, 5, 4],
      [
        [3, 1, 1, 0],
        [2, 1, 0, 1],
      ],
      {
        padding,
      },
    ),
    pool(
      'AveragePool',
      `ceil_mode, padding counts: ${padding}`,
      [1, 2, 6, 8],
      [
        [3, 2, 1],
        [3, 2, 1],
      ],
      {
        padding,
        ceil: true,
      },
    ),
    pool('AveragePool', `1-D ceil_mode, padding counts: ${padding}`, [2, 2, 6], [[3, 2, 1]], {
      padding,
      ceil: true,
    }),
  ]),
  pool(
    'AveragePool',
    '2×2 stride 2',
    [2, 3, 4, 6],
    [
      [2, 2],
      [2, 2],
    ],
  ),
  pool('AveragePool', '1-D stride 1', [2, 3, 6], [[3, 1, 1]]),
  ...[
    [2, 3, 5],
    [2, 3, 3, 4],
  ].flatMap((x): StructureCase[] => {
    const axes = x.slice(2).map((size) => axis([size]));
    return [
      {
        name: `GlobalMaxPool of [${x}]`,
        shapes: [x],
        distinct: true,
        build: op('GlobalMaxPool'),
        evaluate: ([image]) => maximum(image!, axes, false),
      },
      {
        name: `GlobalAveragePool of [${x}]`,
        shapes: [x],
        build: op('GlobalAveragePool'),
        evaluate: ([image]) => average(image!, axes, false, false),
      },
    ];
  }),

  gemm('A·B', [[3, 4], [4, 5], [5]], 0, 0),
  gemm(
    'A·Bᵀ, bias a column',
    [
      [3, 4],
      [5, 4],
      [1, 5],
    ],
    0,
    1,
  ),
  gemm(
    'Aᵀ·B, bias a matrix',
    [
      [4, 3],
      [4, 5],
      [3, 5],
    ],
    1,
    0,
  ),
  gemm(
    'Aᵀ·Bᵀ, bias of one',
    [
      [4, 3],
      [5, 4],
      [3, 1],
    ],
    1,
    1,
  ),
  gemm('bias a scalar', [[3, 4], [4, 5], []], 0, 0),
  gemm(
    'no bias',
    [
      [3, 4],
      [4, 5],
    ],
    0,
    0,
  ),
  product('matrices', [3, 4], [4, 2]),
  product('batches', [2, 3, 4, 2], [2, 3, 2, 5], [0, 1]),
  product('weights', [2, 3, 4], [4, 5]),
  product('weights, rank 4', [2, 3, 2, 4], [4, 5]),
  product('left shared', [3, 4], [2, 4, 5], [1]),
  product('both broadcast', [2, 1, 3, 4], [3, 4, 2]),
  product('a vector on the left', [4], [2, 4, 3], [1]),
  product('a vector on the right', [2, 3, 4], [4]),
  product('vectors', [5], [5], []),

  ...[
    [6, 3],
    [3, 2, 5],
    [2, 3, 3, 2],
  ].flatMap((x) => [batchNorm(x, 'train'), batchNorm(x, 'eval')]),
  layerNorm('last axis', [2, 3, 8], 2),
  layerNorm('last axis, no bias', [2, 3, 7], 2, false),
  layerNorm('two axes', [3, 4, 3], 1),
  layerNorm('rank 4, no bias', [2, 2, 3, 4], 2, false),
  instanceNorm([2, 3, 5]),
  instanceNorm([2, 4, 3, 4]),

  {
    name: 'Concat, three, one of them twice',
    shapes: [
      [2, 3, 4],
      [2, 1, 4],
    ],
    batched: [0, 1],
    build: (g, [a = '', b = '']) => g.op('Concat', [a, b, a], { axis: -2 }),
    evaluate: ([a, b]) => join(join(a!, b!, [2, 4, 4], 3), a!, [2, 7, 4], 4),
  },
  {
    name: 'Split into four, two of them unused',
    shapes: [[2, 7, 2]],
    build: (g, [x = '']) => {
      const outputs = ['p', 'q', 'r', 's'];
      const inputs = [x, g.ints([1, 2, 3, 1])];
      g.node({ name: 'split', op: 'Split', domain: '', inputs, outputs, attributes: { axis: 1 } });
      return g.op('Concat', ['r', 'q'], { axis: 1 });
    },
    evaluate: ([x]) => moved(x!, [2, 5, 2], ([n = 0, c = 0, l = 0]) => [n, c < 3 ? c + 3 : c - 2, l]),
  },
  {
    name: 'Split, all but the last unused',
    shapes: [[2, 2, 6]],
    build: (g, [x = '']) => {
      const outputs = ['p', 'q', 'r'];
      g.node({ name: 'split', op: 'Split', domain: '', inputs: [x], outputs, attributes: { axis: -1 } });
      return g.op('Identity', ['r']);
    },
    evaluate: ([x]) => moved(x!, [2, 2, 2], ([n = 0, c = 0, l = 0]) => [n, c, l + 4]),
  },
  layout('Slice', op('Slice', {}, [[1], [3], [1]]), X, [2, 2, 4], ([n = 0, c = 0, l = 0]) => [n, c + 1, l]),
  layout(
    'Slice, steps of 2 and 3',
    op('Slice', {}, [
      [1, 0],
      [7, 100],
      [2, 1],
      [2, 3],
    ]),
    [2, 5, 8],
    [2, 2, 3],
    ([n = 0, c = 0, l = 0]) => [n, 3 * c, 2 * l + 1],
  ),
  layout(
    'Slice, steps of −1 and −2',
    op('Slice', {}, [
      [-1, 3],
      [-100, 0],
      [2, 1],
      [-2, -1],
    ]),
    [2, 5, 6],
    [2, 3, 3],
    ([n = 0, c = 0, l = 0]) => [n, 3 - c, 5 - 2 * l],
  ),
  layout('Pad with zeros', op('Pad', {}, [[0, 1, 2, 0, 0, 1]]), X, [2, 4, 7], ([n = 0, c = 0, l = 0]) =>
    c < 1 || l < 2 || l >= 6 ? null : [n, c - 1, l - 2],
  ),
  layout('Pad, negative', op('Pad', {}, [[0, -1, 2, 0, 0, -1]]), X, [2, 2, 5], ([n = 0, c = 0, l = 0]) =>
    l < 2 ? null : [n, c + 1, l - 2],
  ),
  layout(
    'Pad, reflect',
    op('Pad', { mode: 'reflect' }, [[0, 0, 2, 1, 0, 0, 1, 3]]),
    [2, 2, 3, 4],
    [2, 2, 6, 8],
    ([n = 0, c = 0, i = 0, j = 0]) => [n, c, reflect(i - 2, 3), reflect(j - 1, 4)],
  ),
  layout(
    'Pad, edge',
    op('Pad', { mode: 'edge' }, [[0, 0, 2, 0, 0, 0, 1, 3]]),
    [2, 2, 3, 4],
    [2, 2, 6, 7],
    ([n = 0, c = 0, i = 0, j = 0]) => [n, c, clamp(i - 2, 3), clamp(j, 4)],
  ),
  renamed('Reshape', op('Reshape', {}, [[0, -1, 6]]), X, [2, 2, 6]),
  renamed('Reshape, batch into rows', op('Reshape', {}, [[-1, 4]]), X, [6, 4]),
  renamed('Flatten', op('Flatten', { axis: 1 }), X, [2, 12]),
  renamed('Flatten, axis 2', op('Flatten', { axis: 2 }), X, [6, 4]),
  renamed('Flatten, axis 0', op('Flatten', { axis: 0 }), X, [1, 24]),
  renamed('Squeeze', op('Squeeze', {}, [[1, -1]]), [2, 1, 4, 1], [2, 4]),
  renamed('Unsqueeze', op('Unsqueeze', {}, [[0, -1]]), [2, 4], [1, 2, 4, 1]),
  layout('Transpose', op('Transpose', { perm: [2, 0, 1] }), X, [4, 2, 3], ([l = 0, n = 0, c = 0]) => [
    n,
    c,
    l,
  ]),
  layout('Expand', op('Expand', {}, [[3, 1, 5, 1]]), [2, 1, 4], [3, 2, 5, 4], ([, n = 0, , l = 0]) => [
    n,
    0,
    l,
  ]),
  layout('Tile', op('Tile', {}, [[2, 1, 3]]), X, [4, 3, 12], ([n = 0, c = 0, l = 0]) => [n % 2, c, l % 4]),
  layout('Gather, one twice', gather([1, 0, 1, -1], [4], 1), X, [2, 4, 4], ([n = 0, k = 0, l = 0]) => [
    n,
    [1, 0, 1, 2][k]!,
    l,
  ]),
  layout(
    'Gather, a matrix of indices, last axis',
    gather([3, 0, 0, 2], [2, 2], -1),
    X,
    [2, 3, 2, 2],
    ([n = 0, c = 0, i = 0, j = 0]) => [n, c, [3, 0, 0, 2][2 * i + j]!],
  ),
  layout('Gather, a scalar', gather([1], [], 1), X, [2, 4], ([n = 0, l = 0]) => [n, 1, l]),
  layout('Gather, a range', gather([1, 2], [2], 2), X, [2, 3, 2], ([n = 0, c = 0, k = 0]) => [n, c, k + 1]),
  {
    ...layout('Gather, first axis', gather([2, 0, 2], [3], 0), [3, 4], [3, 4], ([k = 0, l = 0]) => [
      [2, 0, 2][k]!,
      l,
    ]),
    batched: [],
  },
];

function gather(indices: readonly number[], shape: readonly number[], axis: number): StructureCase['build'] {
  return (g, [x = '']) => {
    const data = BigInt64Array.from(indices, BigInt);
    return g.op('Gather', [x, g.constant(g.fresh('indices'), { type: 'int64', shape, data })], { axis });
  };
}
