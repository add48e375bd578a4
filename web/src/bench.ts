/** The page bench.html: one button, the figures of this machine, and a link that holds them. */
import type { BenchNews, BenchTask } from './bench/bench-worker.ts';
import { type BackendFigures, type Figures, fromFragment, toFragment } from './bench/figures.ts';
import { h, reasonOf, save } from './elements.ts';
import { library } from './moco-web.ts';

/** The build puts it beside the page. */
const WORKER = 'bench-worker.js';
const NAMES = { wasm: 'processor', webgpu: 'GPU' } as const;

const root = document.querySelector<HTMLElement>('#view')!;
const status = h('p', { role: 'status' });
const place = h('div', {});
const device = select('Measure', [
  ['both', 'GPU and processor'],
  ['webgpu', 'the GPU'],
  ['wasm', 'the processor'],
]);
const size = select('Size', [
  ['whole', 'whole: minutes'],
  ['small', 'small: a try, no figures to compare'],
]);
const button = h(
  'button',
  { type: 'button', class: 'button', click: () => void start() },
  'Measure this machine',
);

root.append(
  h('h1', {}, 'How fast is this machine?'),
  h(
    'p',
    { class: 'text' },
    'Whether it computes as it should, how long the loss takes among 65,536 keys, and how many images a second it trains on, on its GPU and on its processor. All of it is computed here, and nothing is sent anywhere.',
  ),
  h('div', { class: 'buttons' }, device.element, size.element),
  h('div', { class: 'buttons' }, button),
  status,
  place,
);
showLink();
addEventListener('hashchange', showLink);
void preferSmall();

function select(label: string, options: readonly (readonly [value: string, words: string])[]) {
  const input = h('select', {}, ...options.map(([value, words]) => h('option', { value }, words)));
  return { input, element: h('label', {}, label, input) };
}

/** An adapter in software would take an hour for the whole. */
async function preferSmall(): Promise<void> {
  try {
    const { adapter } = await (await library()).describeGpu();
    if (adapter?.software) size.input.value = 'small';
  } catch {
    // Whoever measures is told.
  }
}

function showLink(): void {
  if (location.hash === '') return;
  const figures = fromFragment(location.hash.slice(1));
  status.textContent = figures
    ? 'Measured on another visit, maybe by somebody else:'
    : 'This link holds no figures.';
  place.replaceChildren(...(figures ? [tables(figures)] : []));
}

async function start(): Promise<void> {
  button.disabled = true;
  place.replaceChildren();
  status.textContent = 'Starting…';
  try {
    const { adapter } = await (await library()).describeGpu();
    const wanted = (['webgpu', 'wasm'] as const).filter(
      (name) => device.input.value === 'both' || device.input.value === name,
    );
    const limits = adapter ? { ...adapter.limits } : {};
    const results: BackendFigures[] = [];
    const figures = (): Figures => ({
      format: 1,
      userAgent: navigator.userAgent,
      adapter: adapter && { name: adapter.name, software: adapter.software, limits },
      results,
    });
    await measure({ backends: wanted, small: size.input.value === 'small' }, (result) => {
      results.push(result);
      place.replaceChildren(tables(figures()));
    });
    status.textContent = 'Measured.';
    place.replaceChildren(sharing(figures()), tables(figures()));
  } catch (error) {
    status.textContent = `It could not be measured: ${reasonOf(error)}`;
  } finally {
    button.disabled = false;
  }
}

function measure(task: BenchTask, tell: (result: BackendFigures) => void): Promise<void> {
  const worker = new Worker(new URL(WORKER, document.baseURI), { type: 'module' });
  const work = new Promise<void>((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
    worker.onmessage = ({ data }: MessageEvent<BenchNews>) => {
      if (data.type === 'doing') status.textContent = `${data.what}…`;
      else if (data.type === 'result') tell(data.result);
      else resolve();
    };
    worker.postMessage(task);
  });
  return work.finally(() => worker.terminate());
}

function sharing(figures: Figures): HTMLElement {
  const json = JSON.stringify(figures, null, 2);
  const address = new URL(`#${toFragment(figures)}`, location.href).href;
  const copier = (label: string, text: string) =>
    h('button', { type: 'button', class: 'button button-quiet', click: () => void copy(text) }, label);
  return h(
    'div',
    { class: 'buttons' },
    copier('Copy as JSON', json),
    h(
      'button',
      {
        ...{ type: 'button', class: 'button button-quiet' },
        click: () => save('moco-web-bench.json', json, 'application/json'),
      },
      'Save as JSON',
    ),
    copier('Copy a link', address),
    h('a', { href: address, class: 'button-quiet' }, 'Open the link'),
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = 'Copied.';
  } catch (error) {
    status.textContent = `It could not be copied: ${reasonOf(error)}`;
  }
}

function tables({ userAgent, adapter, results }: Figures): HTMLElement {
  const gpu = adapter ? `${adapter.name}${adapter.software ? ' (software)' : ''}` : 'none that WebGPU gives';
  const limits = Object.entries(adapter?.limits ?? {}).map(([name, limit]) => [
    name,
    limit.toLocaleString('en-US'),
  ]);
  return h(
    'div',
    { class: 'take-machine' },
    table('Figures', ['', 'checks', 'InfoNCE', 'training', 'problem'], results.map(lineOf)),
    table('Machine', ['', ''], [['browser', userAgent], ['GPU', gpu], ...limits]),
  );
}

function lineOf({ backend, checks, infonce, step, problem }: BackendFigures): string[] {
  const flop = infonce ? 4 * infonce.rows * infonce.dim * infonce.queueSize : 0;
  return [
    NAMES[backend],
    checks ? `${checks.passed} passed, ${checks.failed} failed, ${checks.skipped} skipped` : '–',
    infonce
      ? `N=${infonce.rows} C=${infonce.dim} K=${infonce.queueSize}: ${infonce.milliseconds.toPrecision(3)} ms, ${(flop / infonce.milliseconds / 1e6).toFixed(1)} GFLOP/s`
      : '–',
    step
      ? `${step.arch}, width ${step.width}, ${step.imageSize} px, batch ${step.batchSize}: ${step.imagesPerSecond.toFixed(1)} images/s, ${step.gflops.toFixed(1)} GFLOP/s`
      : '–',
    problem ?? '–',
  ];
}

function table(label: string, head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const line = ([first, ...cells]: readonly string[]) =>
    h('tr', {}, h('th', { scope: 'row' }, first!), ...cells.map((cell) => h('td', {}, cell)));
  const titles = head.some((title) => title !== '')
    ? [
        h(
          'thead',
          {},
          h('tr', {}, ...head.map((title) => (title ? h('th', { scope: 'col' }, title) : h('td', {})))),
        ),
      ]
    : [];
  return h(
    'div',
    { class: 'take-table', tabindex: 0, role: 'region', 'aria-label': label },
    h('table', { class: 'mono' }, ...titles, h('tbody', {}, ...rows.map(line))),
  );
}
