import { describe, expect, it } from 'vitest';
import { type DifferentiateOptions, differentiate } from '../../src/autodiff/differentiate.ts';
import { MocoError } from '../../src/errors.ts';
import { type Attributes, type Graph, GraphBuilder, type Shape } from '../../src/onnx/graph.ts';
import { buildBlock, buildResNet } from '../../src/onnx/resnet.ts';
import { LOWERINGS } from './run.ts';

/** x0, x1 … → y by one node named `n`. */
function single(op: string, shapes: readonly Shape[], attributes: Attributes = {}): Graph {
  const g = new GraphBuilder('single', 'e');
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
  g.node({ name: 'n', op, domain: '', inputs, outputs: ['y'], attributes });
  g.output('y', shapes[0]!);
  return g.build();
}

describe('differentiate refuses', () => {
  const unused = new GraphBuilder('unused', 'e');
  for (const name of ['x', 'z']) unused.input(name, [2]);
  unused.op('Relu', ['x'], {}, 'y');
  unused.op('Relu', ['z'], {}, 'other');
  for (const name of ['y', 'other']) unused.output(name, [2]);

  it.each<[string, Graph, Partial<DifferentiateOptions>, string, RegExp]>([
    [
      'a Pad that wraps',
      (() => {
        const g = new GraphBuilder('pad', 'e');
        g.input('x0', [4]);
        g.node({
          name: 'n',
          op: 'Pad',
          domain: '',
          inputs: ['x0', g.ints([1, 1])],
          outputs: ['y'],
          attributes: { mode: 'wrap' },
        });
        g.output('y', [6]);
        return g.build();
      })(),
      {},
      'operator-unsupported',
      /node n \(Pad\): mode wrap/,
    ],
    [
      'the gradient of the statistics of a LayerNormalization',
      (() => {
        const g = new GraphBuilder('norm', 'e');
        g.input('x0', [2, 3]);
        g.input('scale', [3]);
        g.node({
          name: 'n',
          op: 'LayerNormalization',
          domain: '',
          inputs: ['x0', 'scale'],
          outputs: ['z', 'y'],
          attributes: {},
        });
        g.output('y', [2, 1]);
        return g.build();
      })(),
      {},
      'operator-unsupported',
      /node n \(LayerNormalization\): gradients of its statistics/,
    ],
    [
      'indices that are computed',
      single('Gather', [[4], [2]]),
      {},
      'operator-unsupported',
      /node n \(Gather\): input x1 must be a constant/,
    ],
    [
      'an Add of shapes that do not broadcast',
      single('Add', [[2, 3], [2]]),
      {},
      'shape-mismatch',
      /node n \(Add\): \[2,3\] and \[2\] do not broadcast/,
    ],
    [
      'what does not exist',
      unused.build(),
      { wrt: ['w'] },
      'usage',
      /w is not an input or initializer of graph unused/,
    ],
    ['what has no influence', unused.build(), { wrt: ['x', 'z'] }, 'usage', /z does not influence y/],
    [
      'an output that does not exist',
      unused.build(),
      { wrt: ['x'], outputs: ['nothing'] },
      'model-invalid',
      /nothing does not exist/,
    ],
  ])('%s', (_, graph, options, code, message) => {
    const attempt = () => {
      differentiate(graph, { wrt: ['x0'], outputs: ['y'], provider: 'wasm', ...options });
    };
    expect(attempt).toThrow(MocoError);
    expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  /** h = relu(z) → n, without a rule → y = h' + x. */
  const withoutRule = (op: string): Graph => {
    const g = new GraphBuilder('unusual', 'e');
    for (const name of ['x', 'z']) g.input(name, [2]);
    g.op('Relu', ['z'], {}, 'h');
    g.node({ name: 'n', op, domain: '', inputs: ['h'], outputs: ['s'], attributes: {} });
    g.op('Add', ['x', 's'], {}, 'y');
    g.output('y', [2]);
    return g.build();
  };

  it('an operator without a rule on the path of the gradient, naming node, operator, path and what is supported', () => {
    const attempt = () =>
      differentiate(withoutRule('ThresholdedRelu'), { wrt: ['z'], outputs: ['y'], provider: 'wasm' });
    expect(attempt).toThrow(expect.objectContaining({ code: 'operator-unsupported' }));
    expect(attempt).toThrow(
      'node n: operator ThresholdedRelu has no gradient rule, and the gradient has to pass it (z → h → [n] → y → y)',
    );
    for (const op of ['Conv', 'BatchNormalization', 'MaxPool', 'Gemm', 'GlobalAveragePool', 'Relu', 'Add']) {
      expect(attempt).toThrow(new RegExp(`Supported: .*${op}`));
    }
  });

  it('no operator without a rule beside the path, only one without a shape rule', () => {
    const options = { wrt: ['x'], outputs: ['y'], provider: 'wasm' } as const;
    const { backward } = differentiate(withoutRule('ThresholdedRelu'), options);
    expect(backward.outputs.map(({ name }) => name)).toEqual(['grad.x']);
    expect(() => differentiate(withoutRule('Unheard'), options)).toThrow(
      'node n: operator Unheard has no shape rule',
    );
  });
});

describe('what is kept between forward and backward', () => {
  it.each(LOWERINGS)(
    'of a bottleneck: centered activations, per-channel statistics, nothing else (%s)',
    (provider) => {
      const { graph, parameters } = buildBlock('bottleneck', {
        batch: 2,
        channels: 8,
        size: 6,
        planes: 3,
        stride: 2,
      });
      const wrt = ['x', ...parameters.map(({ name }) => name)];
      const { saved } = differentiate(graph, { wrt, outputs: ['y'], provider });
      const norms = ['bn1', 'bn2', 'bn3', 'downsample.1'];
      const expected = norms.flatMap((name) =>
        ['centered', 'residual', 'var'].map((part) => `${name}.out.${part}`),
      );
      const names = saved.map(({ name }) => name);
      // The last ReLU's output masks the gradient that comes in; x is the graph's own input. Not kept: outputs of
      // convolutions, of BatchNorms and of the ReLUs between them.
      const output = 'add.relu';
      expect(new Set(names)).toEqual(new Set([output, ...expected]));
      expect(names.length).toBe(new Set(names).size);
    },
  );

  it('of a ResNet: one activation a convolution, one a block, and the pooled ones', () => {
    const spec = {
      block: 'basic',
      layers: [2, 1],
      planes: [4, 6],
      stem: 'imagenet',
      dim: 5,
      mlp: true,
    } as const;
    const { graph, parameters, batchNorms } = buildResNet(spec, 2, 32);
    const wrt = parameters.map(({ name }) => name);
    const { saved } = differentiate(graph, { wrt, outputs: ['embedding'], provider: 'wasm' });
    const large = saved.filter(({ shape }) => shape.length === 4).map(({ name }) => name);
    const blocks = ['layer1.0', 'layer1.1', 'layer2.0'].map((at) => `${at}.add.relu`);
    expect(new Set(large)).toEqual(
      new Set([...batchNorms.map(({ name }) => `${name}.out.centered`), ...blocks, 'maxpool']),
    );
  });

  it.each([
    ['nobody else reads it', false],
    ['a convolution reads it', true],
  ])('of a max-pool: its output, where %s: %s', (_, isRead) => {
    const g = new GraphBuilder('pool', 'e');
    g.input('x', [2, 3, 8, 8]);
    g.input('w', [4, 3, 1, 1]);
    const window = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    const pooled = g.op('MaxPool', ['x'], window, 'pooled');
    if (isRead) g.op('Conv', [pooled, 'w'], { kernel_shape: [1, 1] }, 'y');
    else g.op('GlobalAveragePool', [pooled], {}, 'y');
    g.output('y', isRead ? [2, 4, 4, 4] : [2, 3, 1, 1]);
    const wrt = isRead ? ['x', 'w'] : ['x'];
    const { saved } = differentiate(g.build(), { wrt, outputs: ['y'], provider: 'wasm' });
    expect(saved.map(({ name }) => name)).toEqual(isRead ? ['pooled'] : []);
  });

  it('of an exact GELU between linear layers: what it gets and what it gives, nothing in between', () => {
    const g = new GraphBuilder('gelu', 'e');
    for (const [name, shape] of [
      ['x', [2, 4]],
      ['w1', [4, 6]],
      ['w2', [6, 3]],
    ] as const)
      g.input(name, shape);
    const h = g.op('Gemm', ['x', 'w1'], {}, 'h');
    const bell = g.op('Erf', [g.op('Div', [h, g.scalar(Math.SQRT2)])]);
    const product = g.op('Mul', [h, g.op('Add', [bell, g.scalar(1)])]);
    g.op('Gemm', [g.op('Mul', [product, g.scalar(0.5)], {}, 'gelu'), 'w2'], {}, 'y');
    g.output('y', [2, 3]);
    const { saved } = differentiate(g.build(), { wrt: ['x', 'w1', 'w2'], outputs: ['y'], provider: 'wasm' });
    expect(saved.map(({ name }) => name).sort()).toEqual(['gelu', 'h']);
  });

  it('of a choice by a comparison: no booleans, which are computed again', () => {
    const g = new GraphBuilder('choice', 'e');
    for (const name of ['x', 'z']) g.input(name, [2]);
    const h = g.op('Exp', ['x'], {}, 'h');
    const smaller = g.op('Not', [g.op('Greater', [h, 'z'])]);
    g.op('Where', [smaller, h, 'z'], {}, 'y');
    g.output('y', [2]);
    const found = differentiate(g.build(), { wrt: ['x', 'z'], outputs: ['y'], provider: 'wasm' });
    expect(found.saved.map(({ type }) => type).filter((type) => type !== 'float32')).toEqual([]);
    expect(found.backward.nodes.map(({ op }) => op)).toEqual(expect.arrayContaining(['Greater', 'Not']));
  });

  it('the graphs keep the names of inputs, weights and outputs, and drop the running statistics', () => {
    const spec = { block: 'basic', layers: [1], planes: [2], stem: 'cifar', dim: 3, mlp: false } as const;
    const { graph, parameters, batchNorms } = buildResNet(spec, 'batch', 8);
    const wrt = parameters.map(({ name }) => name);
    const found = differentiate(graph, { wrt, outputs: ['embedding'], provider: 'wasm' });
    const names = (values: readonly { name: string }[]) => values.map(({ name }) => name);
    expect(names(found.forward.inputs)).toEqual(['image', ...wrt]);
    expect(names(found.forward.outputs).slice(0, 2)).toEqual(['embedding', 'features']);
    expect(names(found.backward.outputs)).toEqual(wrt.map((name) => found.gradients.get(name)));
    const known = new Set([...names(found.saved), ...names(graph.inputs), ...found.outputGradients.values()]);
    expect(names(found.backward.inputs).filter((name) => !known.has(name))).toEqual([]);
    for (const { name, shape } of found.saved) {
      expect(found.forward.outputs.find((output) => output.name === name)?.shape, name).toEqual(shape);
    }
    expect(found.statistics.map(({ name, channels }) => ({ name, channels }))).toEqual(batchNorms);
    expect(found.statistics.map(({ elementsPerImage }) => elementsPerImage)).toEqual([64, 64, 64]);
  });
});
