/** What training changes, in kernel memory, by the names that it has in a checkpoint: what a checkpoint holds is this. */
import type { StateSpec } from '../checkpoint/state-spec.ts';
import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { count } from '../onnx/dims.ts';

/** The tensors of a checkpoint. */
export type SavedState = ReadonlyMap<string, NamedTensor>;

/** Reads at one time. A GPU answers many in one round trip; but each takes staging memory, which is kept for later ones. */
const READS = 64;

export class TrainState {
  readonly #kernels: Kernels;
  readonly #spec: StateSpec;
  readonly #tensors = new Map<string, DeviceArray>();
  readonly #counters = new Map<string, number>();
  /** Copies that `keep` makes, by name. */
  readonly #kept = new Map<string, DeviceArray>();

  /**
   * @param saved goes on from these values, which are copied; null: from the initial ones
   * @param kept the tensors that `keep` keeps: there is room for their copies from the start
   * @throws MocoError out-of-memory, checkpoint-invalid where a tensor is missing or of another shape or type
   */
  constructor(kernels: Kernels, spec: StateSpec, saved: SavedState | null, kept: readonly string[] = []) {
    this.#kernels = kernels;
    this.#spec = spec;
    for (const { name, shape, initial } of spec.tensors) {
      const array = kernels.allocate(count(shape));
      this.#tensors.set(name, array);
      if (saved) kernels.write(array, savedValues(saved, name, shape));
      else if (typeof initial === 'string')
        kernels.copy({ targets: [array], sources: [this.tensor(initial)] });
      else kernels.write(array, initial());
    }
    for (const { name, initial, below } of spec.counters) {
      this.#counters.set(name, saved ? savedCount(saved, name, below) : initial);
    }
    for (const name of kept) this.#kept.set(name, kernels.allocate(this.tensor(name).length));
  }

  /** @throws MocoError usage where there is none of that name */
  tensor(name: string): DeviceArray {
    return this.#tensors.get(name) ?? missing(name);
  }

  counter(name: string): number {
    return this.#counters.get(name) ?? missing(name);
  }

  setCounter(name: string, value: number): void {
    this.counter(name);
    this.#counters.set(name, value);
  }

  /**
   * To be called before a step: keeps the tensors that it changes at once; what waits for the gate need not be kept. Gives
   * what undoes the step, counters included. While the gate is closed, what was kept before it closed stays kept.
   */
  keep(gate: DeviceArray): () => void {
    const counters = new Map(this.#counters);
    const tensors = [...this.#kept.keys()].map((name) => this.tensor(name));
    const copies = [...this.#kept.values()];
    if (copies.length > 0) this.#kernels.copy({ targets: copies, sources: tensors, gate });
    return () => {
      for (const [name, value] of counters) this.#counters.set(name, value);
      if (copies.length > 0) this.#kernels.copy({ targets: tensors, sources: copies });
    };
  }

  /** A copy, after everything issued so far. */
  async read(): Promise<SavedState> {
    const counters = new Map(this.#counters);
    const saved = new Map<string, NamedTensor>();
    const { tensors } = this.#spec;
    for (let first = 0; first < tensors.length; first += READS) {
      const some = tensors.slice(first, first + READS);
      const values = await Promise.all(some.map(({ name }) => this.#kernels.read(this.tensor(name))));
      for (const [i, { name, shape }] of some.entries()) {
        saved.set(name, { dtype: 'F32', shape, data: values[i]! });
      }
    }
    for (const [name, value] of counters) {
      saved.set(name, { dtype: 'I64', shape: [1], data: BigInt64Array.of(BigInt(value)) });
    }
    return saved;
  }

  dispose(): void {
    for (const array of [...this.#tensors.values(), ...this.#kept.values()]) this.#kernels.free(array);
  }
}

function missing(name: string): never {
  throw new MocoError('usage', `training changes nothing that is called ${name}`);
}

function savedValues(saved: SavedState, name: string, shape: readonly number[]): Float32Array {
  const tensor = saved.get(name);
  if (tensor?.dtype === 'F32' && String(tensor.shape) === String(shape)) return tensor.data;
  throw unfit(name, `F32 [${shape}]`, tensor);
}

function savedCount(saved: SavedState, name: string, below = Number.MAX_SAFE_INTEGER): number {
  const tensor = saved.get(name);
  if (tensor?.dtype !== 'I64' || tensor.data.length !== 1) throw unfit(name, 'I64 [1]', tensor);
  const value = Number(tensor.data[0]);
  if (value >= 0 && value < below) return value;
  throw new MocoError('checkpoint-invalid', `${name} is ${value}: it should be 0 or more and below ${below}`);
}

function unfit(name: string, expected: string, tensor: NamedTensor | undefined): MocoError {
  const found = tensor ? `${tensor.dtype} [${tensor.shape}]` : 'nothing';
  return new MocoError(
    'checkpoint-invalid',
    `tensor ${name} should be ${expected}, the checkpoint has ${found}`,
  );
}
