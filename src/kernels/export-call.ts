/** What returns nothing gives undefined. */
type WasmFunction<Args extends number[]> = (...args: Args) => unknown;

/** A call of a function of wasm/ that is yet to be made, by whatever thread. */
export interface ExportCall {
  /** One of the exports that the kernel was given. */
  readonly called: WasmFunction<number[]>;
  readonly args: readonly number[];
}

export function callOf<Args extends number[]>(called: WasmFunction<Args>, ...args: Args): ExportCall {
  return { called: called as WasmFunction<number[]>, args };
}
