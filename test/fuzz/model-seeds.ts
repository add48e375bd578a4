/** Small models of each form that exporters write, which fuzzing begins with. */
import { type Constant, type Graph, GraphBuilder } from '../../src/onnx/graph.ts';

let count = 0;
const floats = (...shape: number[]): Constant => ({
  type: 'float32',
  shape,
  data: Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, i) => 0.1 * ((i % 7) - 3.5),
  ),
});
const ints = (...values: number[]): Constant => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

function model(batch: number | string, build: (g: GraphBuilder, x: string) => string): Graph {
  const g = new GraphBuilder(`seed${count++}`, 's');
  g.input('image', [batch, 3, 8, 8]);
  build(g, 'image');
  g.output('y', [batch, 2]);
  return g.build();
}

function classifier(g: GraphBuilder, map: string, channels: number): string {
  const pooled = g.op('Flatten', [g.op('GlobalAveragePool', [map])], { axis: 1 });
  return g.op(
    'Gemm',
    [pooled, g.constant('fc.w', floats(2, channels)), g.constant('fc.b', floats(2))],
    { transB: 1 },
    'y',
  );
}

const convolutional = model('n', (g, x) => {
  const normal = g.op('Div', [
    g.op('Sub', [x, g.constant('mean', floats(1, 3, 1, 1))]),
    g.constant('std', floats(1, 3, 1, 1)),
  ]);
  const conv = g.op('Conv', [normal, g.constant('c.w', floats(4, 3, 3, 3))], {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
  });
  const bn = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
    g.constant(`bn.${part}`, floats(4)),
  );
  g.node({
    name: 'bn',
    op: 'BatchNormalization',
    domain: '',
    inputs: [conv, ...bn],
    outputs: ['bn.out', 'bn.m', 'bn.v'],
    attributes: { training_mode: 1, momentum: { float: 0.99 } },
  });
  const small = g.op('MaxPool', [g.op('Relu', ['bn.out'])], { kernel_shape: [2, 2], strides: [2, 2] });
  const empty = g.constant('none', { type: 'float32', shape: [0], data: new Float32Array(0) });
  const scales = g.constant('scales', { type: 'float32', shape: [4], data: Float32Array.of(1, 1, 2, 2) });
  const large = g.op('Resize', [small, empty, scales], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  });
  return classifier(
    g,
    g.op('Concat', [g.op('Clip', [large, g.scalar(0), g.scalar(6)]), conv], { axis: 1 }),
    8,
  );
});

const transformer = (batch: number | string) =>
  model(batch, (g, x) => {
    const patches = g.op('Conv', [x, g.constant('p.w', floats(4, 3, 4, 4)), g.constant('p.b', floats(4))], {
      kernel_shape: [4, 4],
      strides: [4, 4],
    });
    const size = g.op('Gather', [g.op('Shape', [patches]), g.constant('zero', ints(0))], { axis: 0 });
    const shape = g.op('Concat', [size, g.constant('rest', ints(4, 4))], { axis: 0 });
    const tokens = g.op('Transpose', [g.op('Reshape', [patches, shape])], { perm: [0, 2, 1] });
    const placed = g.op('Add', [tokens, g.constant('pos', floats(1, 4, 4))]);
    const normal = g.op(
      'LayerNormalization',
      [placed, g.constant('ln.w', floats(4)), g.constant('ln.b', floats(4))],
      { axis: -1 },
    );
    const q = g.op('MatMul', [normal, g.constant('q', floats(4, 4))]);
    const scores = g.op('MatMul', [q, g.op('Transpose', [normal], { perm: [0, 2, 1] })]);
    const attended = g.op('MatMul', [
      g.op('Softmax', [g.op('Mul', [scores, g.scalar(0.5)])], { axis: -1 }),
      normal,
    ]);
    const gelu = g.op('Mul', [attended, g.op('Sigmoid', [g.op('Pow', [attended, g.scalar(2)])])]);
    const mean = g.op('ReduceMean', [gelu], { axes: [1], keepdims: 0 });
    return g.op(
      'Gemm',
      [mean, g.constant('fc.w', floats(2, 4)), g.constant('fc.b', floats(2))],
      { transB: 1 },
      'y',
    );
  });

const others = model('n', (g, x) => {
  const conv = g.op('Conv', [x, g.constant('c.w', floats(4, 3, 1, 1))], { kernel_shape: [1, 1] });
  const [a, b] = [g.fresh('a'), g.fresh('b')];
  g.node({
    name: 'split',
    op: 'Split',
    domain: '',
    inputs: [conv],
    outputs: [a, b],
    attributes: { axis: 1 },
  });
  const padded = g.op('Pad', [a, g.constant('pads', ints(0, 0, 1, 1, 0, 0, 1, 1))]);
  const cut = g.op('Slice', [
    padded,
    g.constant('from', ints(1, 1)),
    g.constant('to', ints(9, 9)),
    g.constant('axes', ints(2, 3)),
  ]);
  const norm = g.op('InstanceNormalization', [
    cut,
    g.constant('in.w', floats(2)),
    g.constant('in.b', floats(2)),
  ]);
  const joined = g.op('Concat', [norm, g.op('LeakyRelu', [b])], { axis: 1 });
  const chosen = g.op('Where', [g.op('Greater', [joined, g.scalar(0)]), joined, g.op('Exp', [joined])]);
  return classifier(
    g,
    g.op('AveragePool', [chosen], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
    4,
  );
});

export const MODELS: readonly Graph[] = [convolutional, transformer('n'), transformer(1), others];
