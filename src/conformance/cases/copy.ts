/** copy: NaN, −0 and denormals stay what they are. */
import type { KernelCases } from '../case.ts';
import { anyBits, LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { copied } from '../references/copy.ts';
import type { Trial } from '../trial.ts';

async function ofLength(trial: Trial, length: number): Promise<void> {
  const [before, source] = [uniforms(length, trial.random), anyBits(length, trial.random)];
  const from = trial.put(source);
  for (const gate of [undefined, 1, 0]) {
    const target = trial.put(before);
    trial.kernels.copy({
      targets: [target],
      sources: [from],
      gate: gate === undefined ? undefined : trial.put([gate]),
    });
    const want = copied(before, source, gate);
    trial.bits(`target, gate ${gate ?? 'none'}`, await trial.read(target), want);
  }
}

async function many(trial: Trial): Promise<void> {
  const source = anyBits(PERIOD, trial.random);
  const target = trial.zeros(MANY);
  trial.kernels.copy({
    targets: [target],
    sources: [trial.put(repeated(source, MANY))],
    gate: trial.put([1]),
  });
  trial.bits('target', await trial.read(target), source);
}

export const copy: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['more than 65,535 workgroups', many, MANY],
];
