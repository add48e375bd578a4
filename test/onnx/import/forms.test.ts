import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { runOnce, type Values } from '../../../src/encoder/run-gradient.ts';
import type { Attributes, Constant, Graph, Shape } from '../../../src/onnx/graph.ts';
import { GraphBuilder } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model.ts';
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts';
import { random } from '../../autodiff/run.ts';
import { expectClose } from '../../compare.ts';

const floats = (shape: readonly number[], seed: number): Constant => ({
  type: 'float32',
  shape,
  data: random(shape, seed).data,
});

/** A model of some opset with the input x and the output y, which `write` appends. */
function model(opset: number, shape: Shape, write: (g: GraphBuilder) => void): Uint8Array {
  const g = new GraphBuilder('model', 't');
  g.input('x', shape);
  write(g);
  g.output('y', ['y0', 'y1']);
  return encodeModel({ ...g.build(), opset });
}

const single = (
  op: string,
  opset: number,
  shape: Shape,
  attributes: Attributes,
  more: Constant[] = [],
): Uint8Array =>
  model(opset, shape, (g) => {
    g.op(op, ['x', ...more.map((constant, i) => g.constant(`c${i}`, constant))], attributes, 'y');
  });

const int64 = (...values: number[]): Constant => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** The imported model gives what onnxruntime makes of the file. Returns the operators that are left. */
async function expectSame(bytes: Uint8Array, batch = 3): Promise<string[]> {
  const imported = importModel(bytes);
  const shape = imported.input.shape.map((size) => (typeof size === 'number' ? size : batch));
  const values = new Map<string, Values>([['x', random(shape, 1)]]);
  // With the shape that was inferred, which onnxruntime compares with its own.
  const original = { ...decodeModel(bytes), outputs: imported.outputs };
  const want = (await runOnce(original, { provider: 'wasm' }, values)).get('y')!;
  for (const [name, { shape, data }] of [...imported.weights, ...imported.statistics]) {
    values.set(name, { shape, data: data as Float32Array });
  }
  const got = (await runOnce(imported.graph, { provider: 'wasm' }, values)).get('y')!;
  expect(got.shape).toEqual(want.shape);
  const largest = want.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // The rewritten forms round a few times where one kernel rounds once.
  expectClose('y', got.data, want.data, 16 * 2 ** -24 * largest, want.shape);
  return imported.graph.nodes.map(({ op }) => op);
}

describe('older and newer forms of operators', () => {
  it.each<[string, Uint8Array, string[]]>([
    [
      'Softmax over the last axes of opset 11',
      single('Softmax', 11, ['n', 3, 4, 5], { axis: 2 }),
      ['Reshape', 'Softmax', 'Reshape'],
    ],
    [
      'LogSoftmax over axis 1 by default',
      single('LogSoftmax', 11, ['n', 3, 4], {}),
      ['Reshape', 'LogSoftmax', 'Reshape'],
    ],
    ['Softmax of opset 12, last axis', single('Softmax', 12, ['n', 3, 4], { axis: -1 }), ['Softmax']],
    [
      'axes of a ReduceMean of opset 18',
      single('ReduceMean', 18, ['n', 3, 4], { keepdims: 0 }, [int64(-1)]),
      ['ReduceMean'],
    ],
    [
      'no axes of a ReduceMax of opset 18',
      single('ReduceMax', 18, ['n', 3], { noop_with_empty_axes: 1 }, [int64()]),
      ['Identity'],
    ],
    [
      'axes of a ReduceSum of opset 11',
      single('ReduceSum', 11, ['n', 3, 4], { axes: [1], keepdims: 0 }),
      ['ReduceSum'],
    ],
    ['axes of an Unsqueeze of opset 11', single('Unsqueeze', 11, ['n', 3], { axes: [0, 3] }), ['Unsqueeze']],
    [
      'axes of a Pad of opset 18',
      single('Pad', 18, ['n', 3, 4], {}, [int64(1, 2), { ...floats([], 1) }, int64(-1)]),
      ['Pad'],
    ],
    ['HardSwish', single('HardSwish', 14, ['n', 9], {}), ['HardSigmoid', 'Mul']],
    ['Mish', single('Mish', 18, ['n', 9], {}), ['Softplus', 'Tanh', 'Mul']],
    [
      'DepthToSpace, DCR',
      single('DepthToSpace', 13, ['n', 8, 2, 3], { blocksize: 2 }),
      ['Reshape', 'Transpose', 'Reshape'],
    ],
    [
      'DepthToSpace, CRD',
      single('DepthToSpace', 13, ['n', 8, 2, 3], { blocksize: 2, mode: 'CRD' }),
      ['Reshape', 'Transpose', 'Reshape'],
    ],
    [
      'SpaceToDepth',
      single('SpaceToDepth', 13, ['n', 3, 4, 6], { blocksize: 2 }),
      ['Reshape', 'Transpose', 'Reshape'],
    ],
  ])('%s', async (_, bytes, ops) => {
    expect(await expectSame(bytes)).toEqual(ops);
  });

  it('GroupNormalization of opset 18 scales each group', async () => {
    const bytes = single('GroupNormalization', 18, ['n', 6, 3, 2], { num_groups: 3 }, [
      floats([3], 5),
      floats([3], 6),
    ]);
    expect(await expectSame(bytes)).not.toContain('GroupNormalization');
    expect([...importModel(bytes).weights.keys()]).toEqual(['c0', 'c1']);
  });

  it('Split of opset 18 has a smaller last part', async () => {
    const bytes = model(18, ['n', 7], (g) => {
      const outputs = ['a', 'b', 'c'];
      g.node({
        name: 's',
        op: 'Split',
        domain: '',
        inputs: ['x'],
        outputs,
        attributes: { axis: 1, num_outputs: 3 },
      });
      g.op('Concat', ['c', 'a', 'b'], { axis: 1 }, 'y');
    });
    expect(await expectSame(bytes)).toEqual(['Split', 'Concat']);
  });

  it.each([
    ['bij,jk->bki', ['n', 5, 4], [4, 3]],
    ['bij,jk', ['n', 5, 4], [4, 3]],
    ['bhid,hjd->bhij', ['n', 2, 5, 4], [2, 3, 4]],
    ['bi,bj->bij', [3, 5], [3, 4]],
    ['bij,k->bi', ['n', 5, 4], [6]],
  ] as const)('Einsum %s', async (equation, shape, other) => {
    await expectSame(single('Einsum', 13, shape, { equation }, [floats(other, 3)]));
  });

  it('drops what training alone computes, and says so', () => {
    const channels = (name: string) => ({
      type: 'float32' as const,
      shape: [3],
      data: Float32Array.of(1, 2, name.length),
    });
    const bytes = model(13, ['n', 3], (g) => {
      const parts = ['scale', 'bias', 'mean', 'var'].map((name) => g.constant(name, channels(name)));
      const bn = {
        name: 'bn',
        op: 'BatchNormalization',
        domain: '',
        inputs: ['x', ...parts],
        attributes: {},
      };
      g.node({ ...bn, outputs: ['z', 'm', 'v', 'sm', 'sv'], attributes: { momentum: { float: 0.75 } } });
      g.node({
        name: 'drop',
        op: 'Dropout',
        domain: '',
        inputs: ['z'],
        outputs: ['y', 'mask'],
        attributes: {},
      });
      g.output('m', [3]);
    });
    const { graph, outputs, runningStatistics, statistics, notes, weights } = importModel(bytes);
    expect(outputs).toEqual([{ name: 'y', type: 'float32', shape: ['n', 3] }]);
    expect(graph.nodes.map(({ op, outputs }) => [op, outputs])).toEqual([
      ['BatchNormalization', ['z']],
      ['Identity', ['y']],
    ]);
    expect([...weights.keys()]).toEqual(['scale', 'bias']);
    expect([...runningStatistics]).toEqual([
      ['bn', { mean: 'mean', variance: 'var', epsilon: 1e-5, momentum: 0.75, frozen: false }],
    ]);
    expect([...statistics.keys()]).toEqual(['mean', 'var']);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'scale', 'bias', 'mean', 'var']);
    expect(notes.join()).toMatch(
      /dropout is not applied in training: 1 layers, drop the first.*batch statistics or masks were dropped/,
    );
  });

  it('refuses what needs a mask or the statistics of a batch', () => {
    const bytes = model(13, ['n', 3], (g) => {
      g.node({
        name: 'drop',
        op: 'Dropout',
        domain: '',
        inputs: ['x'],
        outputs: ['z', 'mask'],
        attributes: {},
      });
      g.op('Where', ['mask', 'x', 'z'], {}, 'y');
    });
    expect(() => importModel(bytes)).toThrow(/node drop \(Dropout\): its mask mask is computed with/);
  });
});

describe('shapes that hold the batch', () => {
  /** [batch, 1, 1] as torch writes `x.shape[0], 1, 1`. */
  const perImage = (g: GraphBuilder, ...rest: number[]) =>
    g.op('Concat', [g.op('Slice', [g.op('Shape', ['x']), g.ints([0]), g.ints([1])]), g.ints(rest)], {
      axis: 0,
    });
  const token = floats([1, 1, 4], 2);

  it('a class token before the others is added to zeros for each image', async () => {
    const bytes = model(13, ['n', 5, 4], (g) => {
      const tokens = g.op('Expand', [g.constant('token', token), perImage(g, 1, 4)]);
      g.op('Concat', [tokens, 'x'], { axis: 1 }, 'y');
    });
    expect(await expectSame(bytes)).not.toContain('Shape');
    expect(importModel(bytes).weights.get('token')).toEqual(token);
    expect(importModel(bytes).graph.outputs[0]!.shape).toEqual(['n', 6, 4]);
    // With a fixed batch it is an ordinary Expand.
    expect(importModel(bytes, { batch: 2 }).graph.nodes.map(({ op }) => op)).toEqual(['Expand', 'Concat']);
  });

  it('the batch of the export as a number, where the author computes it: windows and back', async () => {
    // As Swin's window_reverse is traced with 3 images: B = int(windows.shape[0] / 4).
    const traced = (...back: number[]) =>
      model(13, ['n', 4, 4, 2], (g) => {
        const cut = g.op('Reshape', ['x', g.ints([-1, 2, 2, 2, 2, 2])]);
        const windows = g.op('Transpose', [cut], { perm: [0, 1, 3, 2, 4, 5] });
        const each = g.op('Relu', [g.op('Reshape', [windows, g.ints([-1, 2, 2, 2])])]);
        const split = g.op('Reshape', [each, g.ints([3, 2, 2, 2, 2, -1])]);
        g.op('Reshape', [g.op('Transpose', [split], { perm: [0, 1, 3, 2, 4, 5] }), g.ints(back)], {}, 'y');
      });
    const bytes = traced(3, 32);
    await expectSame(bytes);
    expect(importModel(bytes).graph.outputs[0]!.shape).toEqual(['n', 32]);
    expect(() => importModel(traced(3, 33))).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
  });

  it('beside a mask that is filled in, and a roll by nothing', async () => {
    const bytes = model(13, ['n', 4, 3], (g) => {
      const half = { type: 'float32', shape: [1], data: Float32Array.of(2.5) } as const;
      const rows = g.op('ConstantOfShape', [g.ints([2, 3])], { value: { tensor: half } });
      const places = g.constant('places', { ...int64(1, -1), shape: [2, 1] });
      const mask = g.op('ScatterND', [g.op('ConstantOfShape', [g.ints([4, 3])]), places, rows]);
      const none = g.op('Slice', ['x', g.ints([0]), g.ints([0]), g.ints([1])]);
      g.op('Add', [g.op('Concat', ['x', none], { axis: 1 }), mask], {}, 'y');
    });
    expect(await expectSame(bytes)).toEqual(['Concat', 'Add']);
  });

  it('zeros for each image, and repeats of a token', async () => {
    const bytes = model(13, ['n', 5, 4], (g) => {
      const zeros = g.op('ConstantOfShape', [perImage(g, 2, 4)]);
      const repeats = g.op('Tile', [g.constant('token', token), perImage(g, 3, 1)]);
      g.op('Concat', [zeros, 'x', repeats], { axis: 1 }, 'y');
    });
    await expectSame(bytes);
  });

  it('a repeat that broadcasting does anyway is left out', async () => {
    const bytes = model(13, ['n', 5, 4], (g) => {
      g.op('Add', [g.op('Expand', [g.constant('token', token), g.op('Shape', ['x'])]), 'x'], {}, 'y');
    });
    expect(await expectSame(bytes)).toEqual(['Add']);
  });

  it('heads and images as one axis', async () => {
    const bytes = model(13, ['n', 6, 4], (g) => {
      const batch = g.op('Gather', [g.op('Shape', ['x']), g.constant('zero', { ...int64(0), shape: [] })]);
      const heads = g.op('Mul', [batch, g.constant('two', { ...int64(2), shape: [] })]);
      const shape = g.op('Concat', [g.op('Unsqueeze', [heads, g.ints([0])]), g.ints([3, 4])], { axis: 0 });
      const split = g.op('Reshape', ['x', shape]);
      const one = g.op('Expand', [g.constant('mask', floats([1, 3, 1], 4)), shape]);
      g.op('Reshape', [g.op('Concat', [split, one], { axis: 2 }), perImage(g, -1)], {}, 'y');
    });
    expect(importModel(bytes).graph.outputs[0]!.shape).toEqual(['n', 48]);
    await expectSame(bytes);
  });

  it('names the node whose numbers depend on the batch', () => {
    const bytes = model(13, ['n', 4], (g) => {
      const size = g.op('Cast', [g.op('Shape', ['x'])], { to: 1 });
      g.op('Mul', ['x', g.op('ReduceSum', [size], { keepdims: 0 }, 'sum')], {}, 'y');
    });
    expect(() => importModel(bytes)).toThrow(
      /node sum \(ReduceSum\) reads .*, which depends on the batch: fix the batch/,
    );
  });
});

describe('an If', () => {
  const branch = (op: string) => ({
    name: op,
    node: [{ name: 'inner', opType: op, input: ['x'], output: ['z'] }],
    output: [{ name: 'z' }],
  });
  const withIf = (shape: readonly bigint[] | null): Uint8Array => {
    const dim = (shape ?? []).map((value) => ({ value: { case: 'dimValue' as const, value } }));
    const open = [{ value: { case: 'dimParam' as const, value: 'n' } }];
    const tensor = (dims: typeof dim | typeof open) => ({
      value: { case: 'tensorType' as const, value: { elemType: 1, shape: { dim: dims } } },
    });
    const scalar = (name: string, value: bigint) => ({ name, dataType: 7, dims: [1n], int64Data: [value] });
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        opsetImport: [{ version: 13n }],
        graph: {
          input: [{ name: 'x', type: tensor(shape ? dim : open) }],
          output: [{ name: 'y', type: tensor(shape ? dim : open) }],
          initializer: [scalar('two', 2n)],
          node: [
            { name: 's', opType: 'Shape', input: ['x'], output: ['shape'] },
            { name: 'e', opType: 'Equal', input: ['shape', 'two'], output: ['same'] },
            {
              name: 'if',
              opType: 'If',
              input: ['same'],
              output: ['y'],
              attribute: [
                { name: 'then_branch', type: 5, g: branch('Relu') },
                { name: 'else_branch', type: 5, g: branch('Tanh') },
              ],
            },
          ],
        },
      }),
    );
  };

  it.each([
    [2n, 'Relu'],
    [3n, 'Tanh'],
  ])('of size %i is its branch', (size, op) => {
    expect(importModel(withIf([size])).graph.nodes.map((node) => node.op)).toEqual([op, 'Identity']);
  });

  it('whose condition depends on the batch is refused', () => {
    expect(() => importModel(withIf(null))).toThrow(
      /node e \(Equal\) reads shape, which depends on the batch/,
    );
  });
});

describe('what is trained', () => {
  const graph = (g: GraphBuilder): void => {
    const sum = g.op('Add', ['x', g.constant('position', floats([1, 4], 1))]);
    const scaled = g.op('Mul', [sum, g.constant('temperature', { ...floats([1], 2) })]);
    const half = g.op('Mul', [scaled, g.constant('onnx::Mul_7', { ...floats([], 5) })]);
    const shared = g.op('Identity', [g.constant('w', floats([4, 4], 3))]);
    const first = g.op('MatMul', [half, shared]);
    g.op('Gemm', [first, 'w', g.constant('b', floats([4], 4))], {}, 'y');
  };
  const bytes = model(13, ['n', 4], graph);

  it('weights in the order of the file, one for layers that share it; single values without a name stay', () => {
    const { weights, notes } = importModel(bytes);
    expect([...weights.keys()]).toEqual(['position', 'temperature', 'w', 'b']);
    expect(notes.join()).toMatch(/not trained: onnx::Mul_7 \(one value without a name/);
  });

  it('frozen ones are constants', () => {
    const imported = importModel(bytes, { frozen: ['position'] });
    expect([...imported.weights.keys()]).toEqual(['temperature', 'w', 'b']);
    expect(imported.graph.constants.has('position')).toBe(true);
    expect(() => importModel(bytes, { frozen: ['pos'] })).toThrow(/no initializer pos/);
  });

  it('half floats and float64 are made float32', () => {
    const bias = { type: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc100) } as const;
    const scale = { type: 'float64', shape: [2], data: Float64Array.of(0.1, 2) } as const;
    const wide = model(13, ['n', 2], (g) => {
      g.op('Add', [g.op('Mul', ['x', g.constant('s', scale)]), g.constant('b', bias)], {}, 'y');
    });
    const { weights, notes } = importModel(wide);
    expect(weights.get('b')!.data).toEqual(Float32Array.of(1, -2.5));
    expect(weights.get('s')!.data).toEqual(Float32Array.of(0.1, 2));
    expect(notes).toHaveLength(2);
  });
});

describe('the input', () => {
  const images: Graph = (() => {
    const g = new GraphBuilder('images', 't');
    g.input('x', ['n', 3, 'h', 'w']);
    g.op('GlobalAveragePool', ['x'], {}, 'y');
    g.output('y', ['n', 3, 1, 1]);
    return g.build();
  })();

  it('takes its size from the options where the file leaves it open', () => {
    expect(() => importModel(encodeModel(images))).toThrow(/size h is open, give the image size/);
    const { input } = importModel(encodeModel(images), { imageSize: 8 });
    expect(input.shape).toEqual(['n', 3, 8, 8]);
    expect(importModel(encodeModel(images), { imageSize: 8, batch: 4 }).input.shape).toEqual([4, 3, 8, 8]);
  });

  it.each<[string, Partial<Graph>, RegExp]>([
    [
      'two inputs',
      { inputs: [...images.inputs, { name: 'mask', type: 'float32', shape: [3] }] },
      /has 2: x .*mask \[3\]/,
    ],
    ['no input', { inputs: [], nodes: [], constants: new Map([['y', floats([1], 1)]]) }, /has 0: none/],
    ['whole numbers', { inputs: [{ name: 'x', type: 'int64', shape: [1] }] }, /input x holds int64/],
    [
      'another size',
      { inputs: [{ name: 'x', type: 'float32', shape: [1, 3, 9, 9] }] },
      /for a height and width of 9/,
    ],
    ['no output of it', { nodes: [], constants: new Map([['y', floats([1], 1)]]) }, /no output of the model/],
  ])('is refused: %s', (_, part, message) => {
    const bytes = encodeModel({ ...images, ...part });
    expect(() => importModel(bytes, { imageSize: 8 })).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
    );
  });
});
