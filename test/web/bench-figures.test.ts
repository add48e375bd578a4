/** The link of the bench page: it gives back the figures, and refuses whatever else an address may hold. */
import { expect, it } from 'vitest';
import { type Figures, fromFragment, toFragment } from '../../web/src/bench/figures.ts';

const FIGURES: Figures = {
  format: 1,
  userAgent: 'Browser “ü” 1.0',
  adapter: { name: 'GPU', software: false, limits: { maxBufferSize: 2 ** 32 } },
  results: [
    {
      backend: 'webgpu',
      problem: null,
      checks: { passed: 15, failed: 0, skipped: 1 },
      infonce: { rows: 256, dim: 128, queueSize: 65536, milliseconds: 1.25 },
      step: { arch: 'resnet18', width: 16, imageSize: 32, batchSize: 64, imagesPerSecond: 900.5, gflops: 80 },
    },
    { backend: 'wasm', problem: 'no memory', checks: null, infonce: null, step: null },
  ],
};

const written = (value: unknown) => toFragment(value as Figures);

it('holds the figures and gives them back', () => {
  const fragment = toFragment(FIGURES);
  expect(fragment).toMatch(/^figures=[\w-]+$/);
  expect(fromFragment(fragment)).toEqual(FIGURES);
});

it('is short enough to be opened, however much a driver says', () => {
  const long = 'x'.repeat(100_000);
  const { adapter, results } = FIGURES;
  const given = { ...FIGURES, userAgent: long, adapter: { ...adapter!, name: long } };
  const read = fromFragment(toFragment({ ...given, results: results.map((r) => ({ ...r, problem: long })) }));
  expect(read?.userAgent).toHaveLength(400);
  expect(read?.results[1]?.problem).toHaveLength(400);
});

it('takes no more along than it knows', () => {
  expect(fromFragment(written({ ...FIGURES, more: '<script>' }))).toEqual(FIGURES);
});

const [first] = FIGURES.results;
it.each([
  ['nothing', ''],
  ['other words', 'start'],
  ['too much', `figures=${'A'.repeat(6000)}`],
  ['what is no base64', 'figures=a%00b'],
  ['what is no JSON', 'figures=AAAA'],
  ['another format', written({ ...FIGURES, format: 2 })],
  ['three results', written({ ...FIGURES, results: [first, first, first] })],
  ['another backend', written({ ...FIGURES, results: [{ ...first, backend: 'cuda' }] })],
  ['words for a number', written({ ...FIGURES, results: [{ ...first, checks: { passed: 'all' } }] })],
  ['a number below 0', written({ ...FIGURES, adapter: { ...FIGURES.adapter, limits: { a: -1 } } })],
])('refuses %s', (_, fragment) => {
  expect(fromFragment(fragment)).toBeNull();
});
