/** What the page computes with, and why, in words for people. */
import { counted } from '../elements.ts';
import { type BackendChoice, library } from '../moco-web.ts';

/** Megabytes that a run loads from where the page lies: the build fills it in. */
declare const DOWNLOADS: Readonly<Record<'wasm' | 'webgpu', number>>;

type Backend = BackendChoice['backend'];

export async function backendInWords(): Promise<{ words: string; backend: Backend }> {
  const { chooseBackend, describeGpu } = await library();
  const [choice, gpu] = await Promise.all([chooseBackend('auto'), describeGpu()]);
  const size = DOWNLOADS[choice.backend === 'webgpu' ? 'webgpu' : 'wasm'];
  const words =
    `Computes with ${withWhat(choice)}${whyNot(choice, gpu)}. Your photos stay on this machine: nothing is uploaded. ` +
    `What computes is ${size} MB of this page’s own files, loaded once.`;
  return { words, backend: choice.backend };
}

function withWhat({ backend, adapter }: BackendChoice): string {
  if (backend === 'webgpu') return `your GPU (${adapter})`;
  return `your processor (${counted(navigator.hardwareConcurrency || 1, 'core')})`;
}

type GpuReport = Awaited<ReturnType<Awaited<ReturnType<typeof library>>['describeGpu']>>;

function whyNot({ backend }: BackendChoice, { adapter, missing, page }: GpuReport): string {
  if (backend === 'webgpu') return '';
  if (adapter) return `, as the only GPU here, ${adapter.name}, is one in software`;
  if (page && !page.secure) return ', as browsers give a GPU to pages at https and localhost alone';
  return `, as there is no GPU for pages here (${missing.what})`;
}
