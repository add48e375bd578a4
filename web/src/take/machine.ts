/** This machine: whether it computes as it should, with a table, and that as text or JSON. */
import type { KernelSummary } from '../../../src/conformance/index.ts';
import { h, reasonOf } from '../elements.ts';
import type { MachineNews, MachineTask } from './machine-worker.ts';

/** The build puts it beside the page. */
const WORKER = 'machine-worker.js';

export function machine(): { element: HTMLElement; dispose(): void } {
  let worker: Worker | null = null;
  const status = h('p', { role: 'status' });
  const line = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Check of this machine' });
  const place = h('div', {});
  const starts = (task: MachineTask, label: string) =>
    h('button', { type: 'button', class: 'button button-quiet', click: () => start(task) }, label);
  const buttons = [
    starts({ kind: 'check', backend: 'wasm' }, 'Check the processor'),
    starts({ kind: 'bench', backend: 'wasm' }, 'Time the processor'),
  ];
  if ('gpu' in navigator) {
    buttons.push(
      starts({ kind: 'check', backend: 'webgpu' }, 'Check the GPU'),
      starts({ kind: 'bench', backend: 'webgpu' }, 'Time the GPU'),
    );
  }
  const element = h(
    'section',
    { class: 'take-machine' },
    h('h2', {}, 'This machine'),
    h(
      'p',
      { class: 'text' },
      'Does it compute as it should? Every calculation that training is made of is done on designed numbers and compared with a more exact one. It takes about a minute. And how fast does it train? That is timed over some steps. By convolution, operator and kernel: ',
      h('a', { href: 'bench.html', target: '_blank', rel: 'noopener' }, 'How fast is this machine?'),
    ),
    h('div', { class: 'look-actions' }, ...buttons),
    status,
    line,
    place,
  );

  function start(task: MachineTask): void {
    worker?.terminate();
    place.replaceChildren();
    line.hidden = false;
    line.removeAttribute('value');
    status.textContent = task.kind === 'check' ? 'Starting…' : 'Training a few steps on drawn images…';
    const end = (words: string) => {
      worker?.terminate();
      worker = null;
      line.hidden = true;
      status.textContent = words;
    };
    worker = new Worker(new URL(WORKER, document.baseURI), { type: 'module' });
    let tenth = -1;
    worker.onerror = (event) => end(event.message || 'That could not be started.');
    worker.onmessage = ({ data }: MessageEvent<MachineNews>) => {
      if (data.type === 'error') return end(data.reason);
      if (data.type === 'result') {
        line.max = data.all;
        line.value = data.done;
        const now = Math.floor((10 * data.done) / data.all);
        if (now === tenth) return;
        tenth = now;
        status.textContent = `${data.done} of ${data.all} checks${data.failed > 0 ? `, ${data.failed} failed` : ''}`;
        return;
      }
      if (data.type === 'bench') {
        end('Timed.');
        const json = JSON.stringify({ userAgent: navigator.userAgent, ...data.json }, null, 2);
        place.replaceChildren(
          h(
            'div',
            { class: 'look-actions' },
            copier('Copy as text', data.text),
            copier('Copy as JSON', json),
          ),
          h('pre', { tabindex: 0, role: 'region', 'aria-label': 'Times' }, data.text),
        );
        return;
      }
      const { ok, FAIL, skipped } = data.counts;
      const verdict = FAIL === 0 ? 'This machine computes right' : 'Something is wrong on this machine';
      end(`${verdict}: ${ok} checks passed, ${FAIL} failed, ${skipped} skipped.`);
      const json = JSON.stringify({ userAgent: navigator.userAgent, results: data.results }, null, 2);
      place.replaceChildren(
        h('div', { class: 'look-actions' }, copier('Copy as text', data.text), copier('Copy as JSON', json)),
        h(
          'div',
          { class: 'take-table', tabindex: 0, role: 'region', 'aria-label': 'Results' },
          table(data.kernels),
        ),
      );
    };
    worker.postMessage(task);
  }

  function copier(label: string, text: string): HTMLElement {
    return h(
      'button',
      {
        ...{ type: 'button', class: 'button button-quiet' },
        click: () =>
          void navigator.clipboard.writeText(text).then(
            () => {
              status.textContent = 'Copied.';
            },
            (error: unknown) => {
              status.textContent = `It could not be copied: ${reasonOf(error)}`;
            },
          ),
      },
      label,
    );
  }
  return { element, dispose: () => worker?.terminate() };
}

function table(kernels: readonly KernelSummary[]): HTMLElement {
  const head = ['calculation', 'passed', 'failed', 'skipped', 'largest error / bound', 'seconds'];
  const line = ({ kernel, ok, failed, skipped, worst, milliseconds }: KernelSummary) => [
    ...[kernel, ok, failed, skipped].map(String),
    worst === null ? '–' : worst === 0 ? 'exact' : worst.toFixed(3),
    (milliseconds / 1000).toFixed(2),
  ];
  return h(
    'table',
    { class: 'mono' },
    h('thead', {}, h('tr', {}, ...head.map((word) => h('th', { scope: 'col' }, word)))),
    h('tbody', {}, ...kernels.map((kernel) => h('tr', {}, ...line(kernel).map((cell) => h('td', {}, cell))))),
  );
}
