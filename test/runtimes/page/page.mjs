// Trains in a module worker of the page, or on the page's own thread, and shows what came out.
import { fiveStepsOrError } from '../five-steps.mjs';

const rows = document.querySelector('tbody');
const browser = /(?:Chrome|Firefox|Version)\/[\d.]+/.exec(navigator.userAgent)?.[0] ?? 'browser';
document.querySelector('#runtime').textContent = navigator.userAgent;

function show({ workers }, result) {
  const { error, backend, adapter, isolated, losses } = result;
  const cells = error
    ? [browser, error]
    : [
        browser,
        backend,
        adapter ?? '–',
        workers,
        isolated ? 'yes' : 'no',
        ...losses.map((loss) => loss.toFixed(6)),
      ];
  const row = rows.insertRow();
  row.className = error ? 'error' : '';
  for (const text of cells) row.insertCell().textContent = String(text);
}

/** Called by the test. A page opened by hand takes its options from its address: ?backend=webgpu&workers=2. */
globalThis.run = async (options) => {
  const result = options.ownThread ? await fiveStepsOrError(options) : await inWorker(options);
  show(options, result);
  return result;
};

async function inWorker(options) {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  const result = await new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message || 'the worker could not be loaded' });
    worker.postMessage(options);
  });
  worker.terminate();
  return result;
}

const asked = new URLSearchParams(location.search);
const backend = asked.get('backend');
if (backend) await globalThis.run({ backend, workers: Number(asked.get('workers') ?? 1) });
