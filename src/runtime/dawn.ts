/** WebGPU for Node, which has none of its own: Dawn, of the optional package `webgpu`. */
import { messageOf } from '../errors.ts';
import { MissingGpuError } from './gpu-missing.ts';
import { nodeModule } from './node.ts';
import { doesNotStart, probeDawn } from './probe-dawn.ts';

interface Dawn {
  create(options: string[]): GPU;
  globals: Record<string, unknown> & { GPUQueue: { prototype: GPUQueue } };
}

/** A variable, so that the bundler does not look for it. */
const PACKAGE = 'webgpu';
/**
 * Dawn rounds timestamps to 65.5 µs for the sake of pages, which may not look too closely at others: many of our kernels take less. A
 * process of its own has no others.
 */
const OPTIONS = ['disable-dawn-features=timestamp_quantization'];
/** Held for good: Dawn crashes when it is collected while devices live. */
let dawnGpu: GPU | null = null;

/**
 * Dawn's objects become global, and `navigator.gpu` too: onnxruntime-web looks for them there.
 * @throws MissingGpuError
 */
export async function startDawn(powerPreference: GPUPowerPreference): Promise<GPU> {
  if (dawnGpu) return dawnGpu;
  const url = await addressOfDawn();
  await probeDawn(url, { powerPreference });
  let dawn: Dawn;
  try {
    dawn = (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Dawn;
  } catch (error) {
    throw doesNotStart(messageOf(error), error);
  }
  Object.assign(globalThis, dawn.globals);
  copySharedViews(dawn.globals.GPUQueue.prototype);
  dawnGpu = dawn.create(OPTIONS);
  const holder = globalThis as { navigator?: object };
  if (!holder.navigator) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true, writable: true });
  }
  Object.defineProperty(holder.navigator, 'gpu', { value: dawnGpu, configurable: true });
  return dawnGpu;
}

async function addressOfDawn(): Promise<string> {
  const { createRequire } = await nodeModule('module');
  const { pathToFileURL } = await nodeModule('url');
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve(PACKAGE)).href;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND')
      throw doesNotStart(messageOf(error), error);
    throw new MissingGpuError(
      'no-package',
      'Node has no WebGPU of its own',
      'install the optional package with `npm install webgpu` (Dawn)',
      { cause: error },
    );
  }
}

/**
 * Dawn for Node crashes the process where `writeBuffer` is given a view on a SharedArrayBuffer, which is what
 * onnxruntime-web's heap is: such data is copied first.
 */
function copySharedViews(queue: GPUQueue): void {
  const write = queue.writeBuffer;
  queue.writeBuffer = function writeBuffer(this: GPUQueue, buffer, bufferOffset, data, dataOffset, size) {
    const backing = ArrayBuffer.isView(data) ? data.buffer : data;
    if (!(backing instanceof SharedArrayBuffer)) {
      write.call(this, buffer, bufferOffset, data as GPUAllowSharedBufferSource, dataOffset, size);
      return;
    }
    // Offsets and sizes count elements of a typed array, bytes of anything else.
    const unit = (ArrayBuffer.isView(data) && (data as Partial<Uint8Array>).BYTES_PER_ELEMENT) || 1;
    const base = ArrayBuffer.isView(data) ? data.byteOffset : 0;
    const start = (dataOffset ?? 0) * unit;
    const length = size === undefined ? data.byteLength - start : size * unit;
    write.call(this, buffer, bufferOffset, new Uint8Array(backing, base + start, length).slice());
  };
}
