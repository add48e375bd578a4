/** finite.wgsl: the gate that closes on NaN and infinities, and stays closed. */
import type { KernelCases } from '../case.ts';
import { EXTREMES, fromBits, LENGTHS, MANY, NOT_FINITE, uniforms } from '../inputs.ts';
import { gateAfter } from '../references/finite.ts';
import type { Trial } from '../trial.ts';

async function gateIs(
  trial: Trial,
  what: string,
  gate: ReturnType<Trial['put']>,
  want: number,
): Promise<void> {
  trial.close(what, await trial.read(gate), [want], 0);
}

/** Finite values at the edges leave it open; a bad one in the first, a middle and the last place closes it. */
async function ofLength(trial: Trial, length: number): Promise<void> {
  const clean = uniforms(length, trial.random);
  clean.set(fromBits(...EXTREMES).subarray(0, length));
  const array = trial.put(clean);
  const gate = trial.put([1]);
  trial.kernels.finite({ gate, arrays: [array] });
  await gateIs(trial, 'the gate of finite values', gate, gateAfter(1, [clean]));
  for (const [p, place] of [...new Set([0, length >> 1, length - 1])].entries()) {
    const [name, bits] = NOT_FINITE[(length + p) % NOT_FINITE.length]!;
    const bad = clean.slice();
    bad.set(fromBits(bits), place);
    trial.kernels.write(array, bad);
    trial.kernels.finite({ gate, arrays: [array] });
    await gateIs(trial, `the gate of ${name} in place ${place}`, gate, gateAfter(1, [bad]));
    trial.kernels.write(array, clean);
    trial.kernels.finite({ gate, arrays: [array] });
    await gateIs(trial, 'the gate, which stays closed', gate, gateAfter(0, [clean]));
    trial.kernels.write(gate, Float32Array.of(1));
  }
}

async function patterns(trial: Trial): Promise<void> {
  const bad = NOT_FINITE.map(([name, bits]) => [name, bits] as const);
  const random = Array.from({ length: 40 }, () => {
    const bits = (trial.random.bits() | 0x7f800000) >>> 0;
    return [`0x${bits.toString(16)}`, bits] as const;
  });
  const one = trial.put([1]);
  for (const [name, bits] of [...bad, ...random]) {
    const gate = trial.put([1]);
    trial.kernels.finite({ gate, arrays: [one, trial.put(fromBits(bits)), one] });
    await gateIs(trial, `the gate of ${name}`, gate, 0);
  }
}

async function edges(trial: Trial): Promise<void> {
  const gate = trial.put([1]);
  trial.kernels.finite({ gate, arrays: [] });
  trial.kernels.finite({ gate, arrays: [trial.zeros(0), trial.put(fromBits(...EXTREMES)), gate] });
  await gateIs(trial, 'the gate of finite values, of nothing, of itself', gate, 1);
  const bad = trial.put([Number.NaN]);
  trial.kernels.finite({ gate: bad, arrays: [bad] });
  await gateIs(trial, 'a gate that is NaN itself', bad, 0);
}

/** Only the last of all values is bad, and then only one in the middle. */
async function many(trial: Trial): Promise<void> {
  const array = trial.zeros(MANY);
  const gate = trial.put([1]);
  trial.kernels.finite({ gate, arrays: [array] });
  await gateIs(trial, 'the gate of zeros', gate, 1);
  for (const place of [MANY - 1, 65_535 * 128 + 1]) {
    trial.kernels.write(array, Float32Array.of(Number.NaN), place);
    trial.kernels.write(gate, Float32Array.of(1));
    trial.kernels.finite({ gate, arrays: [array] });
    await gateIs(trial, `the gate of NaN in place ${place}`, gate, 0);
    trial.kernels.write(array, Float32Array.of(0), place);
  }
}

export const finite: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['bit patterns', patterns],
  ['edges', edges],
  ['more than 65,535 workgroups', many, MANY],
];
