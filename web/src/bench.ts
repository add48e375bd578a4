/** The page bench.html: one button, the figures of this machine, and a link that holds them. */
import type { Computer, Figures } from './bench/figures.ts';
import { fromFragment, toFragment } from './bench/link.ts';
import { measure } from './bench/measure.ts';
import { show } from './bench/show.ts';
import { isSizeName, SIZES, type SizeName, secondsOf } from './bench/sizes.ts';
import { duration, h, reasonOf, save } from './elements.ts';
import { library } from './moco-web.ts';

type Gpu = Pick<Figures, 'adapter' | 'missing'>;

/** Seconds from which on people are warned. */
const LONG = 120;

const root = document.querySelector<HTMLElement>('#view')!;
const status = h('p', { role: 'status' });
const place = h('div', {});
const bar = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'How far it is' });
const device = select('Measure', [
  ['both', 'GPU and processor'],
  ['webgpu', 'the GPU'],
  ['wasm', 'the processor'],
]);
const size = select(
  'Size',
  Object.entries(SIZES).map(([name, { words }]) => [name, words]),
);
const expected = h('p', { class: 'text small' });
const start = quiet('Measure this machine', () => void run(), 'button');
const stop = quiet('Stop', () => stopping?.abort());
let stopping: AbortController | null = null;
let gpu: Gpu | null = null;
/** By whoever is at the page. */
let sizeChosen = false;

size.input.value = 'r18w16';
stop.disabled = true;
root.append(
  h('h1', {}, 'How fast is this machine?'),
  h(
    'p',
    { class: 'text' },
    'Whether it computes as it should, how fast its convolutions, its loss and whole training steps are, on its GPU and on its processor, and how far that is from what the hardware allows. All of it is computed here, and nothing is sent anywhere.',
  ),
  h('div', { class: 'bench-choices' }, device.element, size.element),
  expected,
  h('div', { class: 'buttons' }, start, stop),
  bar,
  status,
  place,
);
size.input.addEventListener('change', () => {
  sizeChosen = true;
});
for (const { input } of [device, size]) input.addEventListener('change', estimate);
void showLink();
addEventListener('hashchange', () => void showLink());
void look();

function select(label: string, options: readonly (readonly [value: string, words: string])[]) {
  const input = h('select', {}, ...options.map(([value, words]) => h('option', { value }, words)));
  return { input, element: h('label', {}, label, input) };
}

function quiet(words: string, click: () => void, kind = 'button button-quiet'): HTMLButtonElement {
  return h('button', { type: 'button', class: kind, click }, words);
}

const sizeNow = (): SizeName => (isSizeName(size.input.value) ? size.input.value : 'small');

/** Those that are here; where the GPU is wanted and there is none, the processor. */
function wanted({ adapter }: Gpu): Computer[] {
  const chosen = (['webgpu', 'wasm'] as const).filter(
    (name) => device.input.value === 'both' || device.input.value === name,
  );
  const here = chosen.filter((name) => name === 'wasm' || adapter);
  return here.length > 0 ? here : ['wasm'];
}

async function findGpu(): Promise<Gpu> {
  const { adapter, missing } = await (await library()).describeGpu();
  return {
    adapter: adapter && {
      ...{ name: adapter.name, software: adapter.software, limits: { ...adapter.limits } },
      timestamps: adapter.wanted['timestamp-query'],
    },
    missing: missing && `${missing.what}: ${missing.advice}.`,
  };
}

/** An adapter in software would take an hour for what is not small. */
async function look(): Promise<void> {
  try {
    gpu = await findGpu();
    if (gpu.adapter?.software && !sizeChosen) size.input.value = 'small';
    estimate();
  } catch {
    // Whoever measures is told.
  }
}

/** How long it takes, where that is known, before anybody begins. */
function estimate(): void {
  if (!gpu) return;
  const cores = navigator.hardwareConcurrency || 1;
  const { adapter, missing } = gpu;
  const seconds = { wasm: secondsOf(sizeNow(), 'wasm', cores), webgpu: 0 };
  if (adapter?.software) seconds.webgpu = secondsOf(sizeNow(), 'software', cores);
  const backends = wanted(gpu);
  const all = backends.reduce((sum, name) => sum + seconds[name], 0);
  const onGpu = backends.includes('webgpu') && !adapter?.software;
  const lines = [
    ...(missing === null ? [] : [`Without a GPU, the processor is measured alone: ${missing}`]),
    all > 0 ? `About ${duration(all)}${onGpu ? ' on the processor' : ''}.` : '',
    onGpu ? 'How long the GPU takes shows when it is measured: seconds, or minutes.' : '',
    adapter?.software && backends.includes('webgpu')
      ? `${adapter.name} is software: its speed says nothing about a GPU.`
      : '',
    all > LONG
      ? 'That is long: the machine is busy and gets warm all the while. Stop keeps what has been measured by then.'
      : '',
  ];
  expected.className = all > LONG ? 'text bench-warning' : 'text small';
  expected.textContent = lines.filter(Boolean).join(' ');
}

async function showLink(): Promise<void> {
  if (location.hash === '' || stopping) return;
  const figures = await fromFragment(location.hash.slice(1));
  status.textContent = figures
    ? 'Measured on another visit, maybe by somebody else:'
    : 'This link holds no figures.';
  place.replaceChildren(...(figures ? [show(figures)] : []));
}

async function run(): Promise<void> {
  stopping = new AbortController();
  setRunning(true);
  place.replaceChildren();
  status.textContent = 'Starting…';
  try {
    gpu = await findGpu();
    const facts = { userAgent: navigator.userAgent, cores: navigator.hardwareConcurrency || 1 };
    let figures: Figures = { format: 2, ...facts, size: sizeNow(), ...gpu, results: [] };
    const told = {
      doing: (what: string) => {
        status.textContent = `${what}…`;
      },
      progress: (share: number) => {
        bar.value = share;
      },
      found: (results: Figures['results']) => {
        figures = { ...figures, results };
        keepOpen(() => place.replaceChildren(show(figures)));
      },
    };
    await measure(wanted(gpu), sizeNow(), told, stopping.signal);
    status.textContent = stopping.signal.aborted ? 'Stopped. What was measured by then:' : 'Measured.';
    const link = await toFragment(figures);
    keepOpen(() => place.replaceChildren(sharing(figures, link), show(figures)));
  } catch (error) {
    status.textContent = `It could not be measured: ${reasonOf(error)}`;
  } finally {
    stopping = null;
    setRunning(false);
  }
}

function setRunning(running: boolean): void {
  for (const input of [start, device.input, size.input]) input.disabled = running;
  stop.disabled = !running;
  bar.hidden = !running;
}

/** What was unfolded stays so when figures come. */
function keepOpen(change: () => void): void {
  const folded = () => [...place.querySelectorAll('details')];
  const nameOf = (element: HTMLElement) => element.querySelector('summary')?.textContent;
  const open = folded().filter((element) => element.open);
  const names = open.map(nameOf);
  change();
  for (const element of folded()) element.open = names.includes(nameOf(element));
}

function sharing(figures: Figures, fragment: string): HTMLElement {
  const json = JSON.stringify(figures, null, 2);
  const address = new URL(`#${fragment}`, location.href).href;
  return h(
    'div',
    { class: 'buttons' },
    quiet('Copy as JSON', () => void copy(json)),
    quiet('Save as JSON', () => save('moco-web-bench.json', json, 'application/json')),
    quiet('Copy a link', () => void copy(address)),
    h('a', { href: address, class: 'button-quiet' }, 'Open the link'),
  );
}

async function copy(words: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(words);
    status.textContent = 'Copied.';
  } catch (error) {
    status.textContent = `It could not be copied: ${reasonOf(error)}`;
  }
}
