import { describe, expect, it } from 'vitest';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { MocoError } from '../../src/errors.ts';
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
    expect(folded.convolutions.map(({ batchNorm }) => batchNorm)).toEqual(batchNorms.map(({ name }) => name));
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

  it('refuses a BatchNorm that follows no plain convolution, and names it', () => {
    const g = new GraphBuilder('g', 't');
    const inputs = [g.input('x', [1, 2, 3, 3]), ...['a', 'b', 'm', 'v'].map((name) => g.input(name, [2]))];
    g.node({ name: 'alone', op: 'BatchNormalization', domain: '', inputs, outputs: ['y'], attributes: {} });
    expect(() => foldBatchNorm(g.build())).toThrow(MocoError);
    expect(() => foldBatchNorm(g.build())).toThrow(/alone does not follow a convolution without bias/);
  });

  it('names the value that is missing', () => {
    const spec = { block: 'basic', layers: [1], planes: [2], stem: 'cifar', dim: 3, mlp: false } as const;
    const folded = foldBatchNorm(buildResNet(spec, 1, 8).graph);
    expect(() => foldWeights(folded, new Map())).toThrow('there is no value for bn1.weight');
  });
});
