/** cross-entropy.wgsl: loss, rank and gradient of classification. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, repeated, uniforms } from '../inputs.ts';
import { crossEntropyReference } from '../references/cross-entropy.ts';
import type { Trial } from '../trial.ts';
import { gateOf } from './not-finite.ts';

interface Inputs {
  /** [labels.length, classes] */
  logits: Float32Array;
  labels: Uint32Array;
  classes: number;
  gradientScale: number;
}

function spread({ random }: Trial, rows: number, classes: number, scale = 5): Inputs {
  const labels = Uint32Array.from({ length: rows }, () => random.integer(classes));
  return { logits: uniforms(rows * classes, random, scale), labels, classes, gradientScale: 1 / rows };
}

async function run(trial: Trial, { logits, ...inputs }: Inputs) {
  const rows = inputs.labels.length;
  const [loss, rank, dLogits] = [trial.zeros(rows), trial.zeros(rows), trial.zeros(logits.length)];
  trial.kernels.crossEntropy({ ...inputs, logits: trial.put(logits), loss, rank, dLogits });
  return { loss: await trial.read(loss), rank: await trial.read(rank), dLogits: await trial.read(dLogits) };
}

async function check(trial: Trial, inputs: Inputs): Promise<void> {
  const { logits, labels, classes, gradientScale } = inputs;
  const got = await run(trial, inputs);
  const want = crossEntropyReference(logits, labels, classes, gradientScale, trial.accuracy);
  trial.close('rank', got.rank, want.rank, 0);
  trial.close('loss', got.loss, want.loss, want.lossBound);
  trial.close('dLogits', got.dLogits, want.dLogits, want.dLogitsBound, [labels.length, classes]);
}

const ofShape =
  (rows: number, classes: number, scale?: number) =>
  (trial: Trial): Promise<void> =>
    check(trial, spread(trial, rows, classes, scale));

/** Every class of a row is once its label. */
async function everyLabel(trial: Trial): Promise<void> {
  const inputs = spread(trial, 70, 70);
  const row = inputs.logits.slice(0, 70);
  const labels = Uint32Array.from({ length: 70 }, (_, r) => r);
  await check(trial, { ...inputs, logits: repeated(row, 4900), labels });
}

/** One logit far above the others: what a label has that is it, and one that is not. */
const far = (height: number) => async (trial: Trial) => {
  const inputs = spread(trial, 4, 100);
  for (const [r, c] of [3, 99, 0, 51].entries()) inputs.logits[100 * r + c]! += height;
  await check(trial, { ...inputs, labels: Uint32Array.of(3, 99, 1, 52) });
};

/** Ranks of ties are not larger; 0 and −0 are one value, neighbors of 0 are not. */
async function ties(trial: Trial): Promise<void> {
  const values = fromBits(0, 0x80000000, 1, 0x80000001, 0, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f800000);
  const labels = Uint32Array.from({ length: values.length }, (_, r) => r);
  const inputs = { classes: values.length, gradientScale: 1 };
  const logits = repeated(values, values.length ** 2);
  const { rank } = await run(trial, { ...inputs, logits, labels });
  const want = values.map((own) => values.filter((x) => x > own).length);
  trial.close('rank', rank, want, 0);
}

async function allEqual(trial: Trial): Promise<void> {
  const logits = new Float32Array(300).fill(-7);
  await check(trial, { logits, labels: Uint32Array.of(0, 50, 99), classes: 100, gradientScale: 1 });
}

/** Two steps of a gradient in the array of the logits are those in another. */
async function inPlace(trial: Trial): Promise<void> {
  const { logits, ...inputs } = spread(trial, 9, 37);
  const want = await run(trial, { logits, ...inputs });
  const [both, loss, rank] = [trial.put(logits), trial.zeros(9), trial.zeros(9)];
  trial.kernels.crossEntropy({ ...inputs, logits: both, loss, rank, dLogits: both });
  trial.bits('dLogits', await trial.read(both), want.dLogits);
  trial.bits('loss', await trial.read(loss), want.loss);
}

/** A bad logit, the label's or another, spoils its own row and no other; its loss closes the gate. */
const notFinite = (place: 'the label' | 'another', classes: number) => async (trial: Trial) => {
  const inputs = spread(trial, 4, classes);
  const want = await run(trial, inputs);
  const bad = place === 'the label' ? inputs.labels[2]! : (inputs.labels[2]! + 1) % classes;
  for (const [pattern, bits] of NOT_FINITE) {
    const logits = inputs.logits.slice();
    logits.set(fromBits(bits), 2 * classes + bad);
    const { loss, rank } = await run(trial, { ...inputs, logits });
    trial.close(`gate after ${pattern}`, [await gateOf(trial, loss)], [0], 0);
    trial.that(`loss beside ${pattern}`, !Number.isFinite(loss[2]!));
    for (const r of [0, 1, 3]) {
      trial.close(`loss ${r} beside ${pattern}`, [loss[r]!], [want.loss[r]!], 0);
      trial.close(`rank ${r} beside ${pattern}`, [rank[r]!], [want.rank[r]!], 0);
    }
  }
};

const CLASSES = [1, 2, 3, 4, 5, 7, 10, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 1000, 1021] as const;
const MOST_CLASSES = 20_000;

export const crossEntropy: KernelCases = [
  ...CLASSES.map((classes) => [`${classes} classes`, ofShape(5, classes)] as const),
  ...[1, 2, 31, 63, 64, 65, 257].map((rows) => [`${rows} rows`, ofShape(rows, 12)] as const),
  ...[1e-6, 0.1, 30, 1000].map((scale) => [`logits up to ${scale}`, ofShape(6, 300, scale)] as const),
  ['every class as a label', everyLabel],
  ...[20, 60, 1e4].map((height) => [`a logit of ${height}`, far(height)] as const),
  ['ties', ties],
  ['all logits equal', allEqual],
  ['in place', inPlace],
  ['not finite: the label', notFinite('the label', 10)],
  ['not finite: another class', notFinite('another', 10)],
  ['not finite: one of 300 classes', notFinite('another', 300)],
  [`${MOST_CLASSES} classes`, ofShape(2, MOST_CLASSES), 2 * MOST_CLASSES],
];
