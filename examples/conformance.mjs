// Shows what the suite finds. It runs in a module worker: on wasm it would block the page.
const element = (selector) => document.querySelector(selector);
const buttons = ['webgpu', 'wasm'].map((backend) => element(`#${backend}`));

function row({ kernel, ok, failed, skipped, worst, worstCase, milliseconds }) {
  const fraction = worst === null ? '–' : worst === 0 ? 'exact' : worst.toPrecision(3);
  const cells = [
    kernel,
    ok,
    failed,
    skipped,
    fraction,
    (milliseconds / 1000).toFixed(2),
    worst ? worstCase : '',
  ];
  const line = document.createElement('tr');
  if (failed > 0) line.className = 'FAIL';
  for (const text of cells) line.insertCell().textContent = String(text);
  return line;
}

function detail(className, text) {
  const block = document.createElement('pre');
  block.className = className;
  block.textContent = text;
  return block;
}

/** The report with version, system, GPU, limits and date, to be pasted into an issue or kept. */
function offer({ markdown, json }) {
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.textContent = 'Copy as Markdown';
  copy.onclick = async () => {
    await navigator.clipboard.writeText(markdown);
    copy.textContent = 'Copied';
  };
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([json], { type: 'application/json' }));
  link.download = 'moco-web-conformance.json';
  link.textContent = 'Download as JSON';
  element('#share').replaceChildren(copy, ' ', link);
}

const show = {
  started: ({ adapter }) => {
    element('#adapter').textContent = adapter;
  },
  progress: ({ done, name, kernels }) => {
    element('#state').textContent = `${done} cases, last ${name}`;
    element('tbody').replaceChildren(...kernels.map(row));
  },
  ended: ({ counts, text, details, shared }) => {
    element('#state').textContent = text;
    element('#state').className = counts.FAIL > 0 ? 'FAIL' : 'ok';
    element('#details').replaceChildren(...details.map(({ status, lines }) => detail(status, lines)));
    offer(shared);
  },
  error: ({ message }) => {
    element('#state').textContent = message;
    element('#state').className = 'FAIL';
  },
};

/** @param {{ backend: 'wasm' | 'webgpu', only?: string }} options */
globalThis.run = async (options) => {
  for (const button of buttons) button.disabled = true;
  element('#state').className = '';
  element('#state').textContent = 'compiling …';
  element('#details').replaceChildren();
  element('#share').replaceChildren();
  element('tbody').replaceChildren();
  const worker = new Worker(new URL('./conformance-worker.mjs', import.meta.url), { type: 'module' });
  try {
    return await new Promise((resolve) => {
      const end = (message) => {
        show[message.type](message);
        if (message.type === 'ended' || message.type === 'error') resolve(message);
      };
      worker.onmessage = ({ data }) => end(data);
      worker.onerror = ({ message }) =>
        end({ type: 'error', message: message || 'the worker could not be loaded' });
      worker.postMessage(options);
    });
  } finally {
    worker.terminate();
    for (const button of buttons) button.disabled = false;
  }
};

// An address may ask for it: ?backend=webgpu&only=ema.
const asked = new URLSearchParams(location.search);
const only = asked.get('only') ?? undefined;
for (const button of buttons) button.onclick = () => globalThis.run({ backend: button.id, only });
if (asked.get('backend')) await globalThis.run({ backend: asked.get('backend'), only });
