/** What an encoder on this thread's WebAssembly leaves to our kernels, which have a memory of their own. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WasmKernels } from '../kernels/wasm/wasm-kernels.ts';
import { count } from '../onnx/dims.ts';
import type { CallKernel, WeightGradient } from './encoder.ts';
import { callKernel } from './kernel-calls.ts';
import { floats, type Tensor, tensor } from './ort.ts';

/**
 * The kernels are loaded with the first call. What they read is copied: onnxruntime's heap is not to be seen from outside. What they give
 * is read where it lies, until its tensor is disposed of.
 */
export function wasmKernelParts(): { weightGradient: WeightGradient; callKernel: CallKernel } {
  let opened: Promise<Arrays> | null = null;
  const open = () => {
    opened ??= import('../kernels/wasm/wasm-kernels.ts')
      .then(({ createWasmKernels }) => createWasmKernels())
      .then((kernels) => new Arrays(kernels));
    return opened;
  };
  return {
    async weightGradient({ weight, convolution }, x, dy) {
      const arrays = await open();
      const [ofX, ofDy, gradient] = [arrays.of(x), arrays.of(dy), arrays.take(count(weight.shape))];
      const given = { x: ofX, dy: ofDy, batch: x.dims[0]! };
      arrays.kernels.convWeightGradient({ ...convolution, ...given, gradient, add: false });
      const result = await tensor('wasm', await arrays.kernels.read(gradient), weight.shape);
      arrays.give(gradient);
      arrays.endOf(x, ofX);
      arrays.endOf(dy, ofDy);
      return result;
    },
    async callKernel({ operation, outputs }, inputs) {
      const arrays = await open();
      const read = inputs.map((input) => arrays.of(input));
      const written = outputs.map(({ shape }) => arrays.take(count(shape)));
      callKernel(arrays.kernels, operation, read, written);
      for (const [i, array] of read.entries()) arrays.endOf(inputs[i]!, array);
      return Promise.all(
        outputs.map(({ shape }, i) =>
          shape.length > 1 ? arrays.lend(written[i]!, shape) : arrays.copyOf(written[i]!),
        ),
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

  take(length: number): DeviceArray {
    return this.#free.get(length)?.pop() ?? this.kernels.allocate(length);
  }

  give(array: DeviceArray): void {
    const free = this.#free.get(array.length) ?? [];
    this.#free.set(array.length, free);
    free.push(array);
  }

  /** The array of a tensor that is on one, or one with a copy of it. */
  of(value: Tensor): DeviceArray {
    const lent = this.#lent.get(value);
    if (lent) return lent;
    const values = floats(value);
    const array = this.take(values.length);
    this.kernels.write(array, values);
    return array;
  }

  /** What `of` gave is not read any more. */
  endOf(value: Tensor, array: DeviceArray): void {
    if (!this.#lent.has(value)) this.give(array);
  }

  /** A vector with the values of an array, which is not read any more: statistics and gradients go to whoever keeps them. */
  async copyOf(array: DeviceArray): Promise<Tensor> {
    const values = await this.kernels.read(array);
    this.give(array);
    return tensor('wasm', values, [values.length]);
  }

  /** A tensor on an array, which it gives back when it is disposed of. */
  async lend(array: DeviceArray, shape: readonly number[]): Promise<Tensor> {
    const lent = await tensor('wasm', this.kernels.view(array), shape);
    this.#lent.set(lent, array);
    const dispose = lent.dispose.bind(lent);
    lent.dispose = () => {
      if (this.#lent.delete(lent)) this.give(array);
      dispose();
    };
    return lent;
  }
}
