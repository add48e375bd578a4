/** What an encoder on this thread's WebAssembly leaves to our kernels, which have a memory of their own. */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WasmKernels } from '../kernels/wasm/wasm-kernels.ts';
import { count } from '../onnx/dims.ts';
import type { CallKernel, WeightGradient } from './encoder.ts';
import { callKernel } from './kernel-calls.ts';
import { floats, type Tensor, tensor } from './ort.ts';

/**
 * The kernels are loaded with the first call. What they read is copied: onnxruntime's heap is not to be seen from outside. What they give
 * is read where it lies, until its tensor is disposed of.
 * @param maximumBytes of the kernels' memory (default: as much as WebAssembly has)
 */
export function wasmKernelParts(maximumBytes?: number): {
  weightGradient: WeightGradient;
  callKernel: CallKernel;
} {
  let opened: Promise<Arrays> | null = null;
  const open = () => {
    opened ??= import('../kernels/wasm/wasm-kernels.ts')
      .then(({ createWasmKernels }) => createWasmKernels(maximumBytes === undefined ? {} : { maximumBytes }))
      .then((kernels) => new Arrays(kernels));
    return opened;
  };
  return {
    async weightGradient({ weight, convolution }, x, dy) {
      const arrays = await open();
      const [gradient] = arrays.compute([x, dy], [count(weight.shape)], ([ofX, ofDy], [gradient]) => {
        const of = { x: ofX!, dy: ofDy!, gradient: gradient! };
        arrays.kernels.convWeightGradient({ ...convolution, ...of, batch: x.dims[0]!, add: false });
      });
      return arrays.copyOf(gradient!, weight.shape);
    },
    async callKernel({ operation, outputs }, inputs) {
      const arrays = await open();
      const lengths = outputs.map(({ shape }) => count(shape));
      const written = arrays.compute(inputs, lengths, (read, written) =>
        callKernel(arrays.kernels, operation, read, written),
      );
      return Promise.all(
        // Vectors, statistics and gradients, go to whoever keeps them.
        outputs.map(({ shape }, i) => arrays[shape.length > 1 ? 'lend' : 'copyOf'](written[i]!, shape)),
      );
    },
  };
}

/** Arrays that stay from call to call: a network has few lengths, and fresh ones would be filled with zeros first. */
class Arrays {
  readonly kernels: WasmKernels;
  readonly #free = new Map<number, DeviceArray[]>();
  /** Tensors on arrays. */
  readonly #lent = new WeakMap<Tensor, DeviceArray>();

  constructor(kernels: WasmKernels) {
    this.kernels = kernels;
  }

  /**
   * Runs a kernel on arrays of the inputs and of outputs that are so long, which it gives.
   * @throws MocoError out-of-memory — nothing is then kept of what was taken for it
   */
  compute(
    inputs: readonly Tensor[],
    lengths: readonly number[],
    kernel: (read: readonly DeviceArray[], written: readonly DeviceArray[]) => void,
  ): readonly DeviceArray[] {
    const [read, written]: [DeviceArray[], DeviceArray[]] = [[], []];
    try {
      for (const input of inputs) read.push(this.#of(input));
      for (const length of lengths) written.push(this.#take(length));
      this.#withRoom(() => kernel(read, written));
      return written;
    } catch (error) {
      for (const array of written) this.#give(array);
      throw error;
    } finally {
      // Of tensors that are on no array, copies.
      for (const [i, array] of read.entries()) if (!this.#lent.has(inputs[i]!)) this.#give(array);
    }
  }

  /** A tensor with the values of an array, which is not read any more. */
  async copyOf(array: DeviceArray, shape: readonly number[]): Promise<Tensor> {
    const values = await this.kernels.read(array);
    this.#give(array);
    return tensor('wasm', values, shape);
  }

  /** A tensor on an array, which it gives back when it is disposed of. */
  async lend(array: DeviceArray, shape: readonly number[]): Promise<Tensor> {
    const lent = await tensor('wasm', this.kernels.view(array), shape);
    this.#lent.set(lent, array);
    const dispose = lent.dispose.bind(lent);
    lent.dispose = () => {
      if (this.#lent.delete(lent)) this.#give(array);
      dispose();
    };
    return lent;
  }

  /** The array of a tensor that is on one, or one with a copy of it. */
  #of(value: Tensor): DeviceArray {
    const lent = this.#lent.get(value);
    if (lent) return lent;
    const values = floats(value);
    const array = this.#take(values.length);
    this.kernels.write(array, values);
    return array;
  }

  #take(length: number): DeviceArray {
    return this.#free.get(length)?.pop() ?? this.#withRoom(() => this.kernels.allocate(length));
  }

  #give(array: DeviceArray): void {
    const free = this.#free.get(array.length) ?? [];
    this.#free.set(array.length, free);
    free.push(array);
  }

  /** Where the memory is full, once more without the arrays that nobody has: those of other lengths may be what fills it. */
  #withRoom<T>(task: () => T): T {
    try {
      return task();
    } catch (error) {
      const full = error instanceof MocoError && error.code === 'out-of-memory';
      if (!full || this.#free.size === 0) throw error;
      for (const array of [...this.#free.values()].flat()) this.kernels.free(array);
      this.#free.clear();
      return task();
    }
  }
}
