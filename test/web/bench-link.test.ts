/** The link of the bench page: it gives back the figures, and refuses whatever else an address may hold. */
import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { type Figures, nothingOf, rounded } from '../../web/src/bench/figures.ts';
import { fromFragment, toFragment } from '../../web/src/bench/link.ts';

const CONVOLUTION = {
  ...{ given: [4, 32, 64, 64, 32, 3, 1], flop: 2.4e9, floor: 0.25 },
  milliseconds: {
    ...{ forward: 0.5, forwardByKernel: 0.75, inputGradient: null, inputGradientByKernel: null },
    ...{ weightGradient: 2, weightGradientByKernel: 1 },
  },
};
const FIGURES: Figures = {
  ...{ format: 2, userAgent: 'Browser “ü” 1.0', cores: 8, size: 'r18', missing: null },
  adapter: { name: 'GPU', software: false, timestamps: true, limits: { maxBufferSize: 2 ** 32 } },
  results: [
    {
      ...{ backend: 'webgpu', problems: [], limits: { gflops: 67_000, gigabytes: 4800 } },
      checks: { passed: 15, failed: 0, skipped: 1 },
      infonce: { rows: 256, dim: 128, queueSize: 65536, milliseconds: 1.25, floor: 0.13 },
      convolutions: [CONVOLUTION],
      step: {
        ...{ arch: 'resnet18', width: 64, imageSize: 32, batchSize: 256, groups: 8 },
        ...{ imagesPerSecond: 900.5, gflops: 80, phases: [{ name: 'forward alone', time: 0.1, times: 1 }] },
      },
      time: {
        ...{ images: 32, operators: [{ name: 'Conv', time: 1.5, times: 40 }], kernels: [], hosts: [] },
      },
      losses: [6.9312473, 6.8877215],
    },
    { ...nothingOf('wasm'), problems: [{ part: 'checks', why: 'no memory' }] },
  ],
};

const written = (value: unknown) => toFragment(value as Figures);
const [first, second] = FIGURES.results;

it('holds the figures and gives them back', async () => {
  const fragment = await toFragment(FIGURES);
  expect(fragment).toMatch(/^figures=[\w-]+$/);
  expect(await fromFragment(fragment)).toEqual(FIGURES);
});

it('keeps the digits of losses, and four of what is measured', () => {
  const losses = [6.931247301, 6.887721499];
  expect(rounded({ losses, limits: { gflops: 123.456, gigabytes: 65_536 } })).toEqual({
    losses: [6.9312473, 6.8877215],
    limits: { gflops: 123.5, gigabytes: 65_536 },
  });
});

it('is short enough to be opened, however much was measured and however much a driver says', async () => {
  const long = 'x'.repeat(100_000);
  const random = () => Number(Math.random().toPrecision(4));
  const shares = Array.from({ length: 16 }, (_, i) => ({ name: `operator ${i}`, time: random(), times: i }));
  const convolutions = Array.from({ length: 15 }, () => ({ ...CONVOLUTION, floor: random() }));
  const result = {
    ...{ ...first!, convolutions, losses: Array.from({ length: 30 }, Math.random) },
    ...{ time: { images: 8, operators: shares, kernels: shares, hosts: shares } },
    problems: [{ part: 'losses', why: long }] as const,
  };
  const adapter = { ...FIGURES.adapter!, name: long };
  const fragment = await toFragment({ ...FIGURES, userAgent: long, adapter, results: [result, result] });
  expect(fragment.length).toBeLessThan(8000);
  const read = await fromFragment(fragment);
  expect(read?.userAgent).toHaveLength(400);
  expect(read?.results[1]?.problems[0]?.why).toHaveLength(400);
});

it('takes no more along than it knows', async () => {
  expect(await fromFragment(await written({ ...FIGURES, more: '<script>' }))).toEqual(FIGURES);
});

it.each([
  ['another format', { ...FIGURES, format: 1 }],
  ['three results', { ...FIGURES, results: [first, first, first] }],
  ['another backend', { ...FIGURES, results: [{ ...first, backend: 'cuda' }] }],
  ['an unknown part', { ...FIGURES, results: [{ ...second, problems: [{ part: 'all', why: '' }] }] }],
  ['words for a number', { ...FIGURES, results: [{ ...first, checks: { passed: 'all' } }] }],
  ['half a shape', { ...FIGURES, results: [{ ...first, convolutions: [{ ...CONVOLUTION, given: [1] }] }] }],
  ['endless losses', { ...FIGURES, results: [{ ...first, losses: Array(101).fill(1) }] }],
  ['a number below 0', { ...FIGURES, adapter: { ...FIGURES.adapter, limits: { a: -1 } } }],
])('refuses %s', async (_, value) => {
  expect(await fromFragment(await written(value))).toBeNull();
});

it.each([
  ['nothing', ''],
  ['other words', 'start'],
  ['too much', `figures=${'A'.repeat(16_000)}`],
  ['what unpacks to too much', `figures=${deflateRawSync(Buffer.alloc(2 ** 20, ' ')).toString('base64url')}`],
  ['what is no base64', 'figures=a%00b'],
  ['what is not packed', 'figures=AAAA'],
  ['what is no JSON', `figures=${deflateRawSync('{').toString('base64url')}`],
])('refuses %s', async (_, fragment) => {
  expect(await fromFragment(fragment)).toBeNull();
});
