/** What training changes, by the names that it has in a checkpoint: its one description. */

/** A float32 tensor. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** What it holds before the first step; a name: the values of that tensor, which comes earlier in the list. */
  readonly initial: string | (() => Float32Array);
}

/** A whole number: an int64 tensor of one element. */
export interface CounterSpec {
  readonly name: string;
  readonly initial: number;
  /** It is below this. */
  readonly below?: number;
}

export interface StateSpec {
  readonly tensors: readonly TensorSpec[];
  readonly counters: readonly CounterSpec[];
}
