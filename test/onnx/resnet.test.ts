import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { initialParameter } from '../../src/models/initial-values.ts';
import type { Encoder } from '../../src/onnx/encoder-graph.ts';
import { forwardFlops } from '../../src/onnx/flops.ts';
import { buildResNet, resnetSpec } from '../../src/onnx/resnet.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';

const classifier = (arch: 'resnet18' | 'resnet34' | 'resnet50'): Encoder =>
  buildResNet(resnetSpec({ arch, width: 64, stem: 'imagenet', dim: 1000, mlp: false }), 1, 224);

const count = ({ parameters }: Encoder) =>
  parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);

describe('the ResNet family', () => {
  // sum(p.numel() for p in torchvision.models.resnetNN().parameters()); len(list(….parameters()));
  // GMAC from torchvision's table of models (GFLOPS there), which counts convolutions and linear layers once.
  it.each([
    ['resnet18', 11_689_512, 62, 1.81],
    ['resnet34', 21_797_672, 110, 3.66],
    ['resnet50', 25_557_032, 161, 4.09],
  ] as const)('%s has torchvision’s size and cost', (arch, values, tensors, gmac) => {
    const encoder = classifier(arch);
    expect(count(encoder)).toBe(values);
    expect(encoder.parameters.length).toBe(tensors);
    const ratio = forwardFlops(encoder.graph) / 2e9 / gmac;
    expect(Math.abs(ratio - 1), `${arch}: ${(ratio * gmac).toFixed(3)} GMAC, expected ${gmac}`).toBeLessThan(
      0.02,
    );
  });

  // Written down from [name for name, _ in torchvision.models.resnetNN().named_parameters()].
  const bn = (name: string) => [`${name}.weight`, `${name}.bias`];
  it('resnet18 has torchvision’s names in torchvision’s order', () => {
    const block = (at: string, downsample: boolean) => [
      `${at}.conv1.weight`,
      ...bn(`${at}.bn1`),
      `${at}.conv2.weight`,
      ...bn(`${at}.bn2`),
      ...(downsample ? [`${at}.downsample.0.weight`, ...bn(`${at}.downsample.1`)] : []),
    ];
    const stages = [1, 2, 3, 4].flatMap((s) => [
      ...block(`layer${s}.0`, s > 1),
      ...block(`layer${s}.1`, false),
    ]);
    const names = ['conv1.weight', ...bn('bn1'), ...stages, 'fc.weight', 'fc.bias'];
    expect(classifier('resnet18').parameters.map(({ name }) => name)).toEqual(names);
  });

  it('resnet50 has torchvision’s names in torchvision’s order', () => {
    const block = (at: string, downsample: boolean) => [
      ...[1, 2, 3].flatMap((i) => [`${at}.conv${i}.weight`, ...bn(`${at}.bn${i}`)]),
      ...(downsample ? [`${at}.downsample.0.weight`, ...bn(`${at}.downsample.1`)] : []),
    ];
    const stages = [3, 4, 6, 3].flatMap((blocks, s) =>
      Array.from({ length: blocks }, (_, i) => block(`layer${s + 1}.${i}`, i === 0)).flat(),
    );
    const names = ['conv1.weight', ...bn('bn1'), ...stages, 'fc.weight', 'fc.bias'];
    const { parameters } = classifier('resnet50');
    expect(parameters.map(({ name }) => name)).toEqual(names);
    const shapeOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.shape;
    expect(shapeOf('layer3.0.conv2.weight')).toEqual([256, 256, 3, 3]);
    expect(shapeOf('layer3.0.downsample.0.weight')).toEqual([1024, 512, 1, 1]);
    expect(shapeOf('fc.weight')).toEqual([1000, 2048]);
  });

  it('bottlenecks stride on the 3×3 convolution', () => {
    const { graph } = classifier('resnet50');
    const shapes = inferShapes(graph);
    expect(shapes.get('layer2.0.conv1.out')).toEqual([1, 128, 56, 56]);
    expect(shapes.get('layer2.0.conv2.out')).toEqual([1, 128, 28, 28]);
    expect(shapes.get('maxpool')).toEqual([1, 64, 56, 56]);
  });

  it('v2’s head has a hidden layer as wide as the features; the cifar stem keeps the size', () => {
    const spec = resnetSpec({ arch: 'resnet18', width: 4, stem: 'cifar', dim: 6, mlp: true });
    const { graph, parameters, featureDim, dim } = buildResNet(spec, 'batch', 32);
    expect({ featureDim, dim }).toEqual({ featureDim: 32, dim: 6 });
    expect(parameters.slice(-4).map(({ name, shape }) => [name, shape])).toEqual([
      ['fc.0.weight', [32, 32]],
      ['fc.0.bias', [32]],
      ['fc.2.weight', [6, 32]],
      ['fc.2.bias', [6]],
    ]);
    const shapes = inferShapes(graph);
    expect(shapes.get('bn1.out.relu')).toEqual(['batch', 4, 32, 32]);
    expect(shapes.get('embedding')).toEqual(['batch', 6]);
    expect(shapes.get('features')).toEqual(['batch', 32]);
    expect(graph.nodes.some(({ op }) => op === 'MaxPool')).toBe(false);
  });

  it.each([
    ['imagenet', 31],
    ['cifar', 7],
  ] as const)('refuses an image too small for the %s stem', (stem, size) => {
    const spec = resnetSpec({ arch: 'resnet18', width: 4, stem, dim: 6, mlp: true });
    expect(() => buildResNet(spec, 1, size)).toThrow(MocoError);
    expect(() => buildResNet(spec, 1, size)).toThrow(
      `images of ${size} px are too small for the ${stem} stem`,
    );
  });
});

describe('initial values', () => {
  const encoder = classifier('resnet18');
  const draw = (name: string, seed = 3): Float32Array => {
    const index = encoder.parameters.findIndex((parameter) => parameter.name === name);
    return initialParameter(encoder.parameters[index]!, index, seed);
  };
  const moments = (values: Float32Array) => {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const central = (power: number) =>
      values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
    return { mean, deviation: Math.sqrt(central(2)), kurtosis: central(4) / central(2) ** 2 };
  };

  // Kaiming normal, fan-out, gain √2: σ = √(2 / (k·k·outputs)). Five standard errors: σ/√n of the mean, σ/√(2n) of the
  // deviation, √(24/n) of the kurtosis.
  it.each([
    ['conv1.weight', 2 / (49 * 64)],
    ['layer2.0.conv1.weight', 2 / (9 * 128)],
    ['layer3.0.downsample.0.weight', 2 / 256],
  ])('%s is normal with torchvision’s deviation', (name, variance) => {
    const values = draw(name);
    const sigma = Math.sqrt(variance);
    const { mean, deviation, kurtosis } = moments(values);
    const n = values.length;
    expect(Math.abs(mean)).toBeLessThan((5 * sigma) / Math.sqrt(n));
    expect(Math.abs(deviation - sigma)).toBeLessThan((5 * sigma) / Math.sqrt(2 * n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / n));
  });

  // torch.nn.Linear: uniform in ±1/√inputs, whose deviation is bound/√3 and kurtosis 9/5 (variance of the sample
  // kurtosis about 0.77/√n squared; 5 of them).
  it.each(['fc.weight', 'fc.bias'])('%s is uniform in PyTorch’s bounds', (name) => {
    const values = draw(name);
    const bound = 1 / Math.sqrt(512);
    const n = values.length;
    // The largest of n uniform values lies in the last 20/n but with probability e^−20.
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(bound * (1 - 20 / n));
    const { mean, deviation, kurtosis } = moments(values);
    expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * n));
    expect(Math.abs(deviation * Math.sqrt(3) - bound)).toBeLessThan((5 * bound) / Math.sqrt(5 * n));
    expect(Math.abs(kurtosis - 1.8)).toBeLessThan(5 / Math.sqrt(n));
  });

  it('BatchNorm begins at 1 and 0', () => {
    expect(new Set(draw('bn1.weight'))).toEqual(new Set([1]));
    expect(new Set(draw('bn1.bias'))).toEqual(new Set([0]));
  });

  it('depends on the seed and on the parameter, and on nothing else', () => {
    const first = draw('layer1.0.conv1.weight');
    expect(draw('layer1.0.conv1.weight')).toEqual(first);
    expect(draw('layer1.0.conv1.weight', 4)).not.toEqual(first);
    expect(draw('layer1.1.conv1.weight')).not.toEqual(first);
  });
});
