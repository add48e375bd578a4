import { describe, expect, it } from 'vitest';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { foldBatchNorm, foldWeights } from '../../src/onnx/fold.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import { buildResNet } from '../../src/onnx/resnet.ts';
import { expectClose } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

describe('foldBatchNorm', () => {
  it.each([
    ['basic', 'cifar', true],
    ['bottleneck', 'imagenet', false],
  ] as const)('gives what the unfolded inference graph gives (%s, %s stem)', async (block, stem, mlp) => {
    const spec = { block, layers: [1, 2], planes: [3, 5], stem, dim: 7, mlp };
    const { graph, batchNorms } = buildResNet(spec, 2, 32);
    const random = generator(9);
    const values = new Map<string, Values>();
    for (const { name, shape } of graph.inputs) {
      const sizes = shape.map(Number);
      const length = sizes.reduce((product, size) => product * size, 1);
      const data = name.endsWith('running_var')
        ? Float32Array.from({ length }, () => 0.2 + 2 * random())
        : normals(length, random, name.endsWith('conv1.weight') ? 0.2 : 0.5);
      values.set(name, { shape: sizes, data });
    }
    const expected = await runOnce(graph, { provider: 'wasm' }, values);

    const folded = foldBatchNorm(graph);
    expect(folded.graph.nodes.some(({ op }) => op === 'BatchNormalization')).toBe(false);
    expect(folded.layers.map(({ batchNorm: [gamma] }) => gamma)).toEqual(
      batchNorms.map(({ name }) => `${name}.weight`),
    );
    expect(folded.graph.inputs.some(({ name }) => name.includes('running'))).toBe(false);
    const weights = foldWeights(folded, new Map([...values].map(([name, { data }]) => [name, data])));
    const inputs = new Map<string, Values>();
    for (const { name, shape } of folded.graph.inputs) {
      inputs.set(name, { shape: shape.map(Number), data: weights.get(name)! });
    }
    const actual = await runOnce(folded.graph, { provider: 'wasm' }, inputs);
    for (const output of ['embedding', 'features']) {
      const want = expected.get(output)!;
      // Folding rounds each weight once more: a relative 2⁻²⁴ a layer on sums that may cancel. Ten layers, with room
      // for cancellation: 2e-5 of the largest value.
      const largest = want.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expectClose(output, actual.get(output)!.data, want.data, 2e-5 * largest, want.shape);
    }
  });

  /** x → [layer →] BatchNorm → ReLU → y, the layer with a bias, or also read by others. */
  const others = {
    'a convolution with a bias': { layer: 'Conv', shared: false, folded: true },
    'a linear layer with a bias': { layer: 'Gemm', shared: false, folded: true },
    'a convolution that others read too': { layer: 'Conv', shared: true, folded: false },
    nothing: { layer: null, shared: false, folded: false },
  } as const;
  it.each(Object.entries(others))('gives the same where BatchNorm follows %s', async (_, kind) => {
    const { layer, shared, folded: wanted } = kind;
    const random = generator(4);
    const values = new Map<string, Values>();
    const g = new GraphBuilder('g', 't');
    const input = (name: string, shape: number[], positive = false): string => {
      const length = shape.reduce((product, size) => product * size, 1);
      const data = normals(length, random, 0.5).map((x) => (positive ? 0.2 + Math.abs(x) : x));
      values.set(name, { shape, data });
      return g.input(name, shape);
    };
    const x = input('x', layer === 'Gemm' ? [3, 4] : [2, 4, 3, 3]);
    let y = x;
    if (layer === 'Conv') y = g.op('Conv', [x, input('w', [4, 4, 1, 1]), input('b', [4])], {}, 'layer');
    if (layer === 'Gemm') {
      y = g.op('Gemm', [x, input('w', [4, 4]), input('b', [4])], { transB: 1 }, 'layer');
    }
    const parameters = ['gamma', 'beta', 'mean', 'var'].map((name) => input(name, [4], name === 'var'));
    const normal = g.op('BatchNormalization', [y, ...parameters], { epsilon: { float: 1e-3 } });
    g.op('Relu', [normal], {}, 'y');
    g.output('y', values.get('x')!.shape);
    if (shared) g.output('layer', values.get('x')!.shape);
    const folded = foldBatchNorm(g.build());
    expect(folded.graph.nodes.some(({ op }) => op === 'BatchNormalization')).toBe(!wanted);
    const weights = foldWeights(folded, new Map([...values].map(([name, { data }]) => [name, data])));
    const inputs = new Map(
      folded.graph.inputs.map(({ name, shape }) => [
        name,
        { shape: shape.map(Number), data: weights.get(name)! },
      ]),
    );
    const expected = (await runOnce(g.build(), { provider: 'wasm' }, values)).get('y')!;
    const actual = (await runOnce(folded.graph, { provider: 'wasm' }, inputs)).get('y')!;
    // Values are a few at most; each weight and the bias round once more: 10 · 2⁻²⁴ · a few.
    expectClose('y', actual.data, expected.data, 5e-6, expected.shape);
  });

  it('names the value that is missing', () => {
    const spec = { block: 'basic', layers: [1], planes: [2], stem: 'cifar', dim: 3, mlp: false } as const;
    const folded = foldBatchNorm(buildResNet(spec, 1, 8).graph);
    expect(() => foldWeights(folded, new Map())).toThrow('there is no value for bn1.weight');
  });
});
