/**
 * The kernels of the methods (everything that is not the encoder), as one interface that each backend implements. Calls are
 * issued in order; only `read` and `topk` wait. All matrices are row-major float32. What a kernel computes, takes and checks
 * stands in its file.
 */
import type { DeviceArray } from './device-array.ts';
import type { KernelCalls } from './registry.ts';

/** Memory of a backend, and every kernel as a method that throws MocoError shape-mismatch, usage, array-freed. */
export interface Kernels extends KernelCalls {
  readonly backend: 'wasm' | 'webgpu';

  /** A zeroed array. @throws MocoError out-of-memory */
  allocate(length: number): DeviceArray;
  free(array: DeviceArray): void;
  /** Copies values into target at an element offset. @throws MocoError shape-mismatch */
  write(target: DeviceArray, values: Float32Array, offset?: number): void;
  /** A copy of the array after everything issued so far. */
  read(array: DeviceArray): Promise<Float32Array>;

  /** Releases all memory of the backend. */
  dispose(): void;
}
