import { describe, expect, it } from 'vitest';
import { type LabeledRows, LinearClassifier } from '../../src/evaluate/linear-classifier.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

function data(rows: number, dim: number, classes: number, seed: number): LabeledRows {
  const random = generator(seed);
  return {
    features: normals(rows * dim, random),
    labels: Int32Array.from({ length: rows }, () => Math.floor(classes * random())),
  };
}

const inOrder = (count: number, start = 0) => Uint32Array.from({ length: count }, (_, i) => start + i);

/** The same steps in float64, written down plainly: w [classes][dim]. */
function reference(
  w: number[][],
  b: number[],
  { features, labels }: LabeledRows,
  steps: readonly Uint32Array[],
  lr: number,
  momentum: number,
) {
  const dim = w[0]!.length;
  const vw = w.map((row) => row.map(() => 0));
  const vb = b.map(() => 0);
  const losses: number[] = [];
  for (const rows of steps) {
    const gw = w.map((row) => row.map(() => 0));
    const gb = b.map(() => 0);
    let loss = 0;
    for (const r of rows) {
      const x = [...features.subarray(r * dim, (r + 1) * dim)];
      const scores = w.map((row, k) => row.reduce((sum, value, c) => sum + value * x[c]!, b[k]!));
      const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
      loss += Math.log(total) - scores[labels[r]!]!;
      scores.forEach((score, k) => {
        const d = (Math.exp(score) / total - (k === labels[r] ? 1 : 0)) / rows.length;
        gb[k]! += d;
        x.forEach((value, c) => {
          gw[k]![c]! += d * value;
        });
      });
    }
    losses.push(loss / rows.length);
    w.forEach((row, k) => {
      vb[k] = momentum * vb[k]! + gb[k]!;
      b[k]! -= lr * vb[k]!;
      row.forEach((_, c) => {
        vw[k]![c] = momentum * vw[k]![c]! + gw[k]![c]!;
        row[c]! -= lr * vw[k]![c]!;
      });
    });
  }
  return losses;
}

describe('a linear classifier', () => {
  // Sizes of which none is a multiple of the blocks; batches of one row, and larger than the block that measures.
  it.each([
    [1, 2, 1],
    [3, 5, 7],
    [9, 10, 13],
    [300, 6, 17],
  ])('steps of %i rows, %i classes, %i features: as in float64', (batch, classes, dim) => {
    const given = data(3 * batch, dim, classes, batch);
    const first = normals(classes * dim, generator(5), 0.1);
    const classifier = new LinearClassifier(classes, dim, first.slice(), new Float32Array(classes));
    const w = Array.from({ length: classes }, (_, k) => [...first.subarray(k * dim, (k + 1) * dim)]);
    const b = Array.from({ length: classes }, () => 0);
    // Against the order of the rows, and of unequal length.
    const steps = [inOrder(batch, batch).reverse(), inOrder(Math.ceil(batch / 2)), inOrder(batch, 2 * batch)];
    const losses = reference(w, b, given, steps, 0.5, 0.9);
    const rule = { learningRate: 0.5, momentum: 0.9 };
    const got = steps.map((rows) => classifier.step(given, rows, rule).loss);
    // Weights round three times to float32: |w|, |v| ≤ 8 here.
    const rounding = 3 * 8 * 2 ** -23;
    const near = (count: number) => new Float64Array(count).fill(rounding);
    expectClose('losses', Float64Array.from(got), Float64Array.from(losses), near(3).fill(2e-5), [3]);
    expectClose('weights', classifier.weights, Float64Array.from(w.flat()), near(classes * dim), [
      classes,
      dim,
    ]);
    expectClose('bias', classifier.bias, Float64Array.from(b), near(classes), [classes]);
  });

  it('gives the same bits for a batch wherever its rows lie', () => {
    const given = data(40, 11, 5, 3);
    const rows = Uint32Array.of(31, 4, 17, 0, 39, 8, 22);
    const gathered = {
      features: Float32Array.from(
        [...rows].flatMap((r) => [...given.features.subarray(11 * r, 11 * r + 11)]),
      ),
      labels: Int32Array.from(rows, (r) => given.labels[r]!),
    };
    const rule = { learningRate: 3, momentum: 0.9 };
    const [a, b] = [LinearClassifier.random(5, 11, 1), LinearClassifier.random(5, 11, 1)];
    // Scratch of a larger batch is left behind in the one, and nothing in the other.
    a.measure(given);
    for (let i = 0; i < 3; i++) {
      expect(a.step(given, rows, rule)).toEqual(b.step(gathered, inOrder(7), rule));
    }
    expectSameBits('weights', a.weights, b.weights);
    expect(a.measure(gathered)).toEqual(b.measure(gathered));
  });

  it('begins with weights of deviation 0.01 and no bias, by the seed', () => {
    const { weights, bias } = LinearClassifier.random(100, 200, 4);
    const mean = weights.reduce((sum, value) => sum + value, 0) / weights.length;
    const deviation = Math.sqrt(
      weights.reduce((sum, value) => sum + (value - mean) ** 2, 0) / weights.length,
    );
    // Of 20,000 draws: five standard errors.
    expect(Math.abs(mean)).toBeLessThan((5 * 0.01) / Math.sqrt(20_000));
    expect(Math.abs(deviation - 0.01)).toBeLessThan((5 * 0.01) / Math.sqrt(40_000));
    expect([...bias]).toEqual(Array(100).fill(0));
    expect(LinearClassifier.random(100, 200, 4).weights).toEqual(weights);
    expect(LinearClassifier.random(100, 200, 5).weights).not.toEqual(weights);
  });

  it('counts the best and the best five; the lower class wins ties; what is no number is wrong', () => {
    // Features are the scores themselves.
    const classes = 7;
    const identity = Float32Array.from({ length: 49 }, (_, i) => (i % 8 === 0 ? 1 : 0));
    const classifier = new LinearClassifier(classes, classes, identity, new Float32Array(classes));
    const measure = (label: number, ...scores: number[]) => {
      const { top1, top5 } = classifier.measure({
        features: Float32Array.from(scores),
        labels: Int32Array.of(label),
      });
      return [top1, top5];
    };
    expect(measure(2, 1, 2, 9, 3, 4, 5, 6)).toEqual([100, 100]);
    expect(measure(4, 1, 2, 9, 3, 4, 5, 6)).toEqual([0, 100]); // fourth
    expect(measure(3, 1, 2, 9, 3, 4, 5, 6)).toEqual([0, 100]); // fifth
    expect(measure(1, 1, 2, 9, 3, 4, 5, 6)).toEqual([0, 0]); // sixth
    // All alike, as of an encoder that has collapsed: only the lowest class is ever predicted.
    expect([0, 4, 5].map((label) => measure(label, 3, 3, 3, 3, 3, 3, 3))).toEqual([
      [100, 100],
      [0, 100],
      [0, 0],
    ]);
    expect(measure(0, Number.NaN, 1, 1, 1, 1, 1, 1)).toEqual([0, 0]);
    expect(classifier.measure({ features: new Float32Array(), labels: new Int32Array() }).top1).toBeNaN();
  });

  it('stays as it is where the loss is not finite, and says what to do', () => {
    const given = data(6, 3, 2, 8);
    given.features[4] = Number.NaN;
    const classifier = LinearClassifier.random(2, 3, 0);
    const before = classifier.weights.slice();
    const step = () => classifier.step(given, inOrder(6), { learningRate: 30, momentum: 0.9 });
    expect(step).toThrow(/loss is NaN at learning rate 30: lower it/);
    expectSameBits('weights', classifier.weights, before);
  });
});
