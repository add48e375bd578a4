/** What every kernel owes where a number is not finite: it ends, other values are right, and the gate closes. */
import type { DeviceArray } from '../../kernels/device-array.ts';
import { fromBits, NOT_FINITE } from '../inputs.ts';
import type { Trial } from '../trial.ts';

/** What the gate says of losses: 1 where all are finite, else 0. */
export async function gateOf(trial: Trial, loss: Float32Array): Promise<number> {
  const gate = trial.put([1]);
  trial.kernels.finite({ gate, arrays: [trial.put(loss)] });
  return (await trial.read(gate))[0]!;
}

/** Puts each bit pattern in turn into a place of an array, and asks the gate. */
export async function withEachNotFinite(
  trial: Trial,
  values: Float32Array,
  at: number,
  body: (array: DeviceArray, name: string) => Promise<void>,
): Promise<void> {
  for (const [name, bits] of NOT_FINITE) {
    const bad = values.slice();
    bad.set(fromBits(bits), at);
    const array = trial.put(bad);
    const gate = trial.put([1]);
    trial.kernels.finite({ gate, arrays: [array] });
    await body(array, name);
    trial.close(`the gate after ${name}`, await trial.read(gate), [0], 0);
  }
}

/** All values but those in places `from` … `to` − 1, whatever these are. */
export function without(values: Float32Array, from: number, to: number): Float32Array {
  const rest = new Float32Array(values.length - (to - from));
  rest.set(values.subarray(0, from));
  rest.set(values.subarray(to), from);
  return rest;
}
