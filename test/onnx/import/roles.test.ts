/** What is trained, what stays and what moves: buffers as exporters write them. */
import { describe, expect, it } from 'vitest';
import { importEncoder } from '../../../src/models/imported-encoder.ts';
import { type Attributes, type Constant, GraphBuilder } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import type { ImportOptions } from '../../../src/onnx/import/import-options.ts';
import { encodeModel } from '../../../src/onnx/model.ts';

const of = (shape: readonly number[], value: (i: number) => number): Constant => ({
  type: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => value(i)),
});
const drawn = (...shape: number[]) => of(shape, (i) => 0.3 * Math.sin(1 + 7.3 * i));

type Body = (g: GraphBuilder, conv: string) => string;

/** images → (before) → Conv c.w, 4 channels → (body) → y */
function bytesOf(
  body: Body,
  { before = (_: GraphBuilder, x: string) => x, shape = ['n', 3, 4, 4] as (number | string)[] } = {},
) {
  const g = new GraphBuilder('m');
  g.input('image', shape);
  const conv = g.op('Conv', [before(g, 'image'), g.constant('c.w', drawn(4, 3, 1, 1))], {
    kernel_shape: [1, 1],
  });
  const pooled = g.op('GlobalAveragePool', [body(g, conv)]);
  g.op('Flatten', [pooled], { axis: 1 }, 'y');
  g.output('y', ['n', 4]);
  return encodeModel(g.build());
}

const batchNorm = (
  g: GraphBuilder,
  x: string,
  name: string,
  attributes: Attributes,
  outputs = [`${name}.out`],
) => {
  const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
    g.constant(
      `${name}.${part}`,
      of([4], () => 1),
    ),
  );
  g.node({ name, op: 'BatchNormalization', domain: '', inputs: [x, ...parts], outputs, attributes });
  return `${name}.out`;
};

const trainedOf = (bytes: Uint8Array, options: ImportOptions = {}) => [
  ...importModel(bytes, options).weights.keys(),
];
const plus =
  (name: string, constant: Constant): Body =>
  (g, x) =>
    g.op('Add', [x, g.constant(name, constant)]);

describe('what is no weight', () => {
  const sinusoid = of([1, 4, 4, 8], (i) => (i % 2 === 0 ? Math.sin(i / 16) : Math.cos((i - 1) / 16)));
  it.each<[string, Body]>([
    ['a mask by its name', plus('layer.attn_mask', drawn(4, 4))],
    [
      'a mask by its values',
      plus(
        'layer.m',
        of([4, 4], (i) => (i % 3 === 0 ? -100 : 0)),
      ),
    ],
    [
      'a mask of 0 and 1',
      (g, x) =>
        g.op('Mul', [
          x,
          g.constant(
            'layer.visible',
            of([4, 4], (i) => i % 2),
          ),
        ]),
    ],
    ['a statistic by its name', plus('norm.pixel_mean', drawn(4, 1, 1))],
    [
      'a number of the code',
      plus(
        'onnx::Add_5',
        of([1], () => 2),
      ),
    ],
    [
      'a blur',
      (g, x) =>
        g.op(
          'Conv',
          [
            x,
            g.constant(
              'down.f',
              of([4, 1, 1, 2], () => 0.5),
            ),
          ],
          { kernel_shape: [1, 2], group: 4 },
        ),
    ],
    [
      'a BatchNorm that is arithmetic, by the names of its statistics',
      (g, x) => {
        const [w, b, m, v] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
          g.constant(
            `bn.${part}`,
            of([1, 4, 1, 1], () => 1),
          ),
        );
        const scale = g.op('Div', [w!, g.op('Sqrt', [v!])]);
        return g.op('Add', [g.op('Mul', [x, scale]), g.op('Sub', [b!, g.op('Mul', [m!, scale])])]);
      },
    ],
    [
      'a BatchNorm that is arithmetic, computed with by the exporter',
      (g, x) =>
        g.op('Add', [
          g.op('Mul', [x, g.constant('onnx::Mul_7', drawn(1, 4, 1, 1))]),
          g.constant('onnx::Add_8', drawn(1, 4, 1, 1)),
        ]),
    ],
  ])('%s', (_, body) => {
    expect(trainedOf(bytesOf(body))).toEqual(['c.w']);
  });

  it('position embeddings of sines and cosines, and not those that were learned', () => {
    const tokens = (position: Constant) => {
      const g = new GraphBuilder('m');
      g.input('image', ['n', 4, 4, 8]);
      const sum = g.op('Add', ['image', g.constant('pos_embed', position)]);
      g.op('MatMul', [sum, g.constant('w', drawn(8, 8))], {}, 'y');
      g.output('y', ['n', 4, 4, 8]);
      return encodeModel(g.build());
    };
    expect(trainedOf(tokens(sinusoid))).toEqual(['w']);
    expect(trainedOf(tokens(drawn(1, 4, 4, 8)))).toEqual(['pos_embed', 'w']);
  });

  it.each<[string, number, 'none' | 'bytes']>([
    ['0 … 1', 1, 'none'],
    ['0 … 255', 255, 'bytes'],
  ])('the statistics of images of %s, whose range is told', (_, range, normalize) => {
    const bytes = bytesOf((_g, x) => x, {
      before: (g, x) => {
        const mean = g.constant(
          'shift',
          of([1, 3, 1, 1], (i) => (0.485 - 0.03 * i) * range),
        );
        return g.op('Div', [
          g.op('Sub', [x, mean]),
          g.constant(
            'spread',
            of([1, 3, 1, 1], () => 0.229 * range),
          ),
        ]);
      },
    });
    const encoder = importEncoder(bytes, { dim: 2, mlp: false, imageSize: 4 });
    expect(encoder.normalize).toBe(normalize);
    expect(encoder.network.buffers).toEqual(['shift', 'spread']);
    expect(encoder.notes.join()).toContain(`normalize ${normalize}`);
    expect(trainedOf(bytes)).toEqual(['c.w']);
  });
});

describe('BatchNormalization', () => {
  const mixed = bytesOf((g, x) => {
    const first = batchNorm(g, x, 'bn1', { training_mode: 0 });
    return batchNorm(g, first, 'bn2', { training_mode: 1, momentum: { float: Math.fround(0.97) } }, [
      'bn2.out',
      'bn2.m',
      'bn2.v',
    ]);
  });
  const layersOf = (options: ImportOptions = {}) => [...importModel(mixed, options).runningStatistics.keys()];

  it('in inference mode beside others in training mode keeps its statistics; weights of both are trained', () => {
    expect(layersOf()).toEqual(['bn2']);
    const { statistics, buffers } = importModel(mixed);
    expect([...statistics.keys()]).toEqual(['bn2.running_mean', 'bn2.running_var']);
    expect(buffers).toEqual(['bn1.running_mean', 'bn1.running_var']);
    expect(trainedOf(mixed)).toEqual(['c.w', 'bn1.weight', 'bn1.bias', 'bn2.weight', 'bn2.bias']);
  });

  it('is frozen, or trained, where the caller says so', () => {
    expect(layersOf({ frozen: 'bn2.*' })).toEqual([]);
    expect(layersOf({ train: 'bn1.running_*' })).toEqual(['bn1', 'bn2']);
    expect(trainedOf(mixed, { frozen: '*', train: 'bn?.bias' })).toEqual(['bn1.bias', 'bn2.bias']);
    expect(() => layersOf({ frozen: 'bn3.*' })).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('all in inference mode says nothing about training', () => {
    const bytes = bytesOf((g, x) => batchNorm(g, x, 'bn', {}));
    expect([...importModel(bytes).runningStatistics.keys()]).toEqual(['bn']);
  });
});

describe('images', () => {
  const config = { dim: 2, mlp: false, imageSize: 4 };
  it.each([
    ['gray', ['n', 1, 4, 4], ['image', 'c.w']],
    ['NHWC', ['n', 4, 4, 3], ['image', 'c.w']],
  ])('that are %s are made of ours', (_, shape) => {
    const isGray = shape[1] === 1;
    const bytes = bytesOf((_g, x) => x, {
      shape,
      before: (g, x) =>
        isGray ? g.op('Concat', [x, x, x], { axis: 1 }) : g.op('Transpose', [x], { perm: [0, 3, 1, 2] }),
    });
    const { network, notes } = importEncoder(bytes, config);
    expect(network.graph.inputs[0]!.shape).toEqual(['batch', 3, 4, 4]);
    expect(notes.join()).toMatch(isGray ? /gray images/ : /NHWC/);
  });

  it.each([
    ['four channels', ['n', 4, 4, 4], /takes 4 channels/],
    ['no squares', ['n', 3, 4, 5], /a height and width of 5, not 4/],
    ['no images', ['n', 3, 4], /is no batch of images/],
  ])('of %s are refused', (_, shape, message) => {
    const g = new GraphBuilder('m');
    g.input('image', shape);
    g.op('Relu', ['image'], {}, 'y');
    g.output('y', shape);
    expect(() => importEncoder(encodeModel(g.build()), { ...config, imageSize: 4 })).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
    );
  });
});

describe('features', () => {
  const outputs = (...names: string[]) => {
    const g = new GraphBuilder('m');
    g.input('image', ['n', 3, 4, 4]);
    const map = g.op('Conv', ['image', g.constant('c.w', drawn(4, 3, 1, 1))], { kernel_shape: [1, 1] });
    const rows = g.op('Reshape', [
      map,
      g.constant('rows', { type: 'int64', shape: [3], data: BigInt64Array.of(0n, 4n, 16n) }),
    ]);
    g.op('Transpose', [rows], { perm: [0, 2, 1] }, 'tokens');
    g.op(
      'Gather',
      ['tokens', g.constant('zero', { type: 'int64', shape: [], data: BigInt64Array.of(0n) })],
      { axis: 1 },
      'first',
    );
    g.op('Tanh', ['first'], {}, 'pooler_output');
    for (const name of names) g.output(name, name === 'tokens' ? ['n', 16, 4] : ['n', 4]);
    return encodeModel(g.build());
  };
  const config = { dim: 2, mlp: false, imageSize: 4 };

  it.each<[string, string[], object, RegExp]>([
    ['pooled output', ['tokens', 'pooler_output'], {}, /^vectors pooler_output/],
    ['what comes before a head', ['pooler_output'], { feature: 'first' }, /^vectors first/],
    ['first token', ['tokens'], { pool: 'first' }, /^tokens tokens .*the first of them/],
    ['mean of tokens', ['tokens', 'pooler_output'], { pool: 'mean' }, /^tokens tokens .*their mean/],
  ])('are the %s', (_, names, options, says) => {
    const { features, network } = importEncoder(outputs(...names), { ...config, ...options });
    expect(features).toMatch(says);
    expect(network.graph.outputs.map(({ name }) => name)).toEqual(['embedding', 'features']);
  });

  it('of tokens alone are for the caller to choose', () => {
    expect(() => importEncoder(outputs('tokens'), config)).toThrow(/say --pool first .*or --pool mean/);
  });
});

describe('whose images a model wants', () => {
  const notesOf = (name: string, normalize?: string) => {
    const bytes = bytesOf(plus(name, drawn(4, 1, 1)));
    const config = { dim: 4, mlp: false, imageSize: 4, ...(normalize === undefined ? {} : { normalize }) };
    return importEncoder(bytes, config).notes.join();
  };
  it.each([
    ['vision_model.pre_layrnorm.bias', /may be of CLIP, by vision_model.*say --normalize clip/],
    ['visual.ln_pre.bias', /CLIP.*--normalize clip/],
    ['InceptionV3/Mixed_5b/biases', /Inception.*--normalize half/],
  ])('is told where weights are named as %s', (name, hint) => {
    expect(notesOf(name)).toMatch(hint);
    expect(notesOf(name, 'imagenet')).not.toMatch(/may be of/);
  });
  it('is not told where nothing says so', () => {
    expect(notesOf('layer1.clipped.bias')).not.toMatch(/may be of/);
  });
});
