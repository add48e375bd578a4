/** Figures as people read them. */
import { largestDifference, nameOf } from '../../../bench/measure/index.mjs';
import { h } from '../elements.ts';
import {
  type BackendFigures,
  type ConvolutionFigures,
  type Figures,
  type Form,
  PART_NAMES,
  type Share,
} from './figures.ts';
import { isSizeName, SIZES } from './sizes.ts';
import { type Cell, table } from './table.ts';

const NAMES = { wasm: 'Processor', webgpu: 'GPU' } as const;
/** Within a sentence. */
const WITHIN = { wasm: 'processor', webgpu: 'GPU' } as const;
const FORM_NAMES: Readonly<Record<Form, string>> = {
  forward: 'forward',
  forwardByKernel: 'forward, our kernel',
  inputGradient: 'input gradient',
  inputGradientByKernel: 'input gradient, our kernel',
  weightGradient: 'weight gradient',
  weightGradientByKernel: 'weight gradient, our kernel',
};

/** What was not run, above all else. */
export function show(figures: Figures): HTMLElement {
  const { results } = figures;
  return h(
    'div',
    { class: 'bench' },
    ...missing(figures),
    machine(figures),
    ...section('Training', trainingOf(results)),
    ...section('Convolutions', convolutionsOf(results)),
    ...section('InfoNCE', infonceOf(results)),
    ...section('Where the time of a step goes', results.flatMap(timesOf)),
    ...section('What it learns', lossesOf(figures)),
  );
}

function section(title: string, content: readonly HTMLElement[]): HTMLElement[] {
  return content.length > 0 ? [h('section', {}, h('h2', {}, title), ...content)] : [];
}

const text = (words: string, small = true): HTMLElement =>
  h('p', { class: small ? 'text small' : 'text' }, words);

/** Loud: nobody should take the figures of a processor for those of a GPU. */
function missing({ missing, results }: Figures): HTMLElement[] {
  const lines = results.flatMap(({ backend, problems }) =>
    problems.map(({ part, why }) => `Not run on the ${WITHIN[backend]}: ${PART_NAMES[part]} (${why})`),
  );
  const all = [...(missing === null ? [] : [`Not run on a GPU: ${missing}`]), ...lines];
  return all.length > 0 ? [h('ul', { class: 'bench-missing' }, ...all.map((line) => h('li', {}, line)))] : [];
}

const precise = (value: number, digits = 3): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(digits)));

const percent = (share: number): string =>
  share < 0.001
    ? '< 0.1 %'
    : share < 0.1
      ? `${(100 * share).toPrecision(2)} %`
      : `${Math.round(100 * share)} %`;

function machine({ userAgent, cores, size, adapter, results }: Figures): HTMLElement {
  const gpu = adapter
    ? `${adapter.name}${adapter.software ? ', SOFTWARE: its speed says nothing about a GPU' : ''}`
    : 'none';
  const clock = adapter?.timestamps
    ? 'by its own clock (timestamp queries)'
    : 'as the page waits for it: no timestamp queries';
  const checked = results.flatMap(({ backend, checks }) =>
    checks
      ? [
          [
            `checks, ${WITHIN[backend]}`,
            `${checks.passed} passed, ${checks.failed} ${checks.failed > 0 ? 'FAILED' : 'failed'}, ${checks.skipped} skipped`,
          ],
        ]
      : [],
  );
  const limits = Object.entries(adapter?.limits ?? {}).map(([name, limit]) => [
    name,
    limit.toLocaleString('en-US'),
  ]);
  return h(
    'section',
    {},
    h('h2', {}, 'Machine'),
    table('Machine', null, [
      ['browser', userAgent],
      ['cores', String(cores)],
      ['GPU', gpu],
      ...(adapter ? [['time of the GPU', clock]] : []),
      ['measured', isSizeName(size) ? SIZES[size].words : size],
      ...checked,
    ]),
    ...(limits.length > 0
      ? [h('details', {}, h('summary', {}, 'Limits of the GPU'), table('Limits', null, limits))]
      : []),
  );
}

function trainingOf(results: readonly BackendFigures[]): HTMLElement[] {
  const found = results.flatMap(({ backend, step }) => (step ? [{ backend, step }] : []));
  if (found.length === 0) return [];
  const fastest = found.reduce((best, one) =>
    one.step.imagesPerSecond > best.step.imagesPerSecond ? one : best,
  );
  const { arch, width, imageSize, batchSize, groups } = fastest.step;
  return [
    h('p', { class: 'number' }, `${precise(fastest.step.imagesPerSecond)} images/s`),
    text(
      `on the ${WITHIN[fastest.backend]}: whole steps of MoCo v2 (keys, queries, gradients, update) on images in memory, ${arch}, width ${width}, ${imageSize} px, batch ${batchSize} in ${groups} groups.`,
    ),
    table(
      'Training',
      ['', 'images/s', 'GFLOP/s', 'ms a step', ...fastest.step.phases.map(({ name }) => `${name}, ms`)],
      found.map(({ backend, step: { imagesPerSecond, gflops, phases, batchSize: batch } }) => [
        NAMES[backend],
        ...[imagesPerSecond, gflops, (1000 * batch) / imagesPerSecond].map((value) => precise(value)),
        ...phases.map(({ time }) => precise(1000 * time)),
      ]),
    ),
  ];
}

const FLOOR =
  'The floor is the time that the fewest operations would take at the peak that was measured here, or the fewest bytes at the measured bandwidth, whichever is longer; a share of 100 % would be as fast as that, and more than it says that the machine did something else while the peak was measured.';

/** @param where GPU, or one core */
const limitsInWords = ({ backend, limits }: BackendFigures): string[] =>
  limits
    ? [
        `${backend === 'wasm' ? 'One core of the processor' : 'GPU'}: peak ${precise(limits.gflops)} GFLOP/s (arithmetic in registers), bandwidth ${precise(limits.gigabytes)} GB/s (a copy from memory to memory).`,
      ]
    : [];

function convolutionsOf(results: readonly BackendFigures[]): HTMLElement[] {
  const found = results.filter(({ convolutions }) => convolutions.length > 0);
  if (found.length === 0) return [];
  const columns = ['shape', 'times', 'floor, ms', ...Object.values(FORM_NAMES)];
  return [
    text(
      `GFLOP/s, and how much of its floor that is, of each shape of the network: images × channels → filters, size, kernel / stride. ${FLOOR}`,
    ),
    ...found.flatMap((result) => [
      h('h3', {}, result.backend === 'wasm' ? 'Processor, one core' : 'GPU'),
      ...limitsInWords(result).map((words) => text(words)),
      table(`Convolutions, ${NAMES[result.backend]}`, columns, result.convolutions.map(convolution)),
    ]),
  ];
}

function convolution({ given, flop, floor, milliseconds }: ConvolutionFigures): Cell[] {
  const cells = Object.keys(FORM_NAMES).map((form) => {
    const time = milliseconds[form as Form];
    return time ? `${precise(flop / time / 1e6)} (${percent(floor / time)})` : '–';
  });
  return [nameOf(given), String(given[0]), precise(floor), ...cells];
}

function infonceOf(results: readonly BackendFigures[]): HTMLElement[] {
  const rows = results.flatMap(({ backend, infonce }) => {
    if (!infonce) return [];
    const { rows: n, dim, queueSize, milliseconds, floor } = infonce;
    const gflops = (4 * n * dim * queueSize) / milliseconds / 1e6;
    return [
      [
        backend === 'wasm' ? 'Processor, one core' : 'GPU',
        `N=${n} C=${dim} K=${queueSize}`,
        precise(milliseconds),
        precise(floor),
        percent(floor / milliseconds),
        precise(gflops),
      ],
    ];
  });
  if (rows.length === 0) return [];
  return [
    text('The loss of N queries among K keys of C numbers, and its gradient: 4·N·C·K operations.'),
    table('InfoNCE', ['', 'shape', 'ms', 'floor, ms', 'of the floor', 'GFLOP/s'], rows),
  ];
}

function timesOf({ backend, time, step }: BackendFigures): HTMLElement[] {
  if (!time) {
    if (backend !== 'wasm' || !step) return [];
    return [
      text(
        'On the processor, by operator and kernel: not measured (its sessions are in workers of their own). By phase: see Training.',
      ),
    ];
  }
  const { images, operators, kernels, hosts } = time;
  const blocks: HTMLElement[] = [
    text(
      `GPU, a step of ${images} images in one group, while it is profiled, which makes it slower: milliseconds.`,
    ),
  ];
  const block = (title: string, rows: readonly Share[], without: string) => {
    const sum = rows.reduce((all, row) => all + row.time, 0);
    const lines = rows.map(({ name, time: of, times }) => [
      name,
      precise(times),
      precise(of),
      percent(sum > 0 ? of / sum : 0),
    ]);
    blocks.push(
      h('h3', {}, title),
      rows.length > 0 ? table(title, ['', 'times', 'ms', 'share'], lines) : text(without, false),
    );
  };
  const none = 'Not measured: this adapter gives no timestamp queries.';
  block('Operators of onnxruntime-web, on the GPU', operators, none);
  block('Our kernels, on the GPU', kernels, none);
  block('Operators of onnxruntime-web, on the host', hosts, 'Not measured: the profiler said nothing.');
  return blocks;
}

function lossesOf({ results, size }: Figures): HTMLElement[] {
  const found = results.filter(({ losses }) => losses.length > 0);
  if (found.length === 0) return [];
  const most = largestDifference(found.map(({ losses }) => losses));
  const { encoder } = (isSizeName(size) ? SIZES[size] : SIZES.small).losses;
  const what = `The same steps of ${encoder.arch}, width ${encoder.width}, on the same drawn images`;
  const words =
    most === null
      ? `${what}, on the ${WITHIN[found[0]!.backend]} alone: nothing to hold them against.`
      : `${what}, on both: losses differ by ${most.toExponential(1)} at most.`;
  const steps = Math.max(...found.map(({ losses }) => losses.length));
  const rows = Array.from({ length: steps }, (_, i) => [
    String(i + 1),
    ...found.map(({ losses }) => losses[i]?.toFixed(6) ?? '–'),
  ]);
  return [
    text(words),
    h(
      'details',
      {},
      h('summary', {}, 'Losses of all steps'),
      table('Losses', ['step', ...found.map(({ backend }) => NAMES[backend])], rows),
    ),
  ];
}
