import { MocoError, messageOf } from '../../errors.ts';
import { assetUrl } from '../../runtime/assets.ts';
import { loadAsset } from '../../runtime/load-asset.ts';

/**
 * What wasm/index.ts exports beside the kernels, whose signatures stand in their own files. Pointers come back as int32:
 * read them with `>>> 0`.
 */
export interface WasmExports {
  allocate(bytes: number): number;
  free(pointer: number): void;
  heapBytes(): number;
  liveBlocks(): number;
  /** y = exp(x) for x ≤ 0, `length` a multiple of 4 (tests). */
  expArray(x: number, y: number, length: number): void;
  /** ln(1 + x), x ≥ 0 (tests). */
  log1p(x: number): number;
  /** `rounds` × 56 flop in registers (benchmark). */
  peak(rounds: number, one: number): number;
}

/** The kernels, compiled, and one instance of them. */
export interface KernelInstance {
  readonly module: WebAssembly.Module;
  readonly exports: WasmExports;
  readonly memory: WebAssembly.Memory;
}

const WRITTEN = () => new URL('./kernels.wasm', import.meta.url);

/** WebAssembly addresses 65536 pages of 64 KiB; one fewer keeps the end of the heap below 2³². */
const MAXIMUM_PAGES = 65535;
const INITIAL_PAGES = 16;

/**
 * A fresh instance of the kernels with a memory of its own. The memory is shared: its buffer is a SharedArrayBuffer that
 * workers may view, and views stay valid when it grows.
 * @throws MocoError backend-unavailable without WebAssembly SIMD and threads, or where kernels.wasm is missing
 */
export async function instantiateKernels(
  maximumPages = MAXIMUM_PAGES,
  binary?: Uint8Array<ArrayBuffer>,
): Promise<KernelInstance> {
  const bytes = binary ?? (await loadAsset(assetUrl('kernels.wasm', WRITTEN)));
  try {
    const memory = new WebAssembly.Memory({
      initial: Math.min(INITIAL_PAGES, maximumPages),
      maximum: Math.min(maximumPages, MAXIMUM_PAGES),
      shared: true,
    });
    const { module, instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
    return { module, exports: instance.exports as unknown as WasmExports, memory };
  } catch (error) {
    throw new MocoError(
      'backend-unavailable',
      `the kernels do not start here (${messageOf(error)}): they need WebAssembly with SIMD and threads`,
      { cause: error },
    );
  }
}
