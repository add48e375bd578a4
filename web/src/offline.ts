/** That the page works without a network, from the second visit on: by its service worker, where browsers have one. */
import type { ToServiceWorker } from './service-worker.ts';

/** The build puts it beside the page, which is as far as it may look. */
const WORKER = 'service-worker.js';
/** What computes, by what it computes with. */
const RUNTIMES = {
  wasm: ['moco-web/ort-wasm-simd-threaded.wasm'],
  native: ['moco-web/ort-wasm-simd-threaded.wasm'],
  // For images from elsewhere, and where a GPU goes away, the processor does it.
  webgpu: ['moco-web/ort-wasm-simd-threaded.asyncify.wasm', 'moco-web/ort-wasm-simd-threaded.wasm'],
} as const;

const say = (worker: ServiceWorker, message: ToServiceWorker, transfer: Transferable[] = []) =>
  worker.postMessage(message, transfer);

/** Once the page is there: what it loads first is not to wait for files of later. */
export async function startServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const { serviceWorker } = navigator;
  try {
    const registration = await serviceWorker.register(WORKER);
    const { waiting, active } = registration;
    if (!waiting || !active) return;
    // A newer version of the page came with an earlier visit. Nothing has been chosen yet that a reload could lose.
    serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    say(waiting, { type: 'take over' });
  } catch {
    // Private windows of some browsers have none: with a network the page works as well.
  }
}

/** Keeps what this machine computes with. @returns whether all that the page needs is kept */
export async function keepRuntime(backend: keyof typeof RUNTIMES): Promise<boolean> {
  if (!('serviceWorker' in navigator)) return false;
  const { active } = await navigator.serviceWorker.ready;
  if (!active) return false;
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
    say(active, { type: 'keep', files: RUNTIMES[backend] }, [port2]);
  });
}
