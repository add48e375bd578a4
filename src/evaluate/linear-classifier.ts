/**
 * A linear classifier on features that stay as they are: softmax regression by SGD with momentum, the protocol of MoCo
 * (arXiv:1911.05722, 4.1; main_lincls.py of facebookresearch/moco). Weights and momentum are float32; products are summed
 * in float64 in a fixed order, with our own exp and log: the same bits in every runtime.
 */
import { MocoError } from '../errors.ts';
import { expectLength, expectWhole } from '../kernels/checks.ts';
import { exp, log } from '../math.ts';
import { Random, STREAMS } from '../random.ts';
import { dotProducts, outerProducts } from './products.ts';

/** Features and what they should be taken for. */
export interface LabeledRows {
  /** [rows, dim]; used as they are, not normalized. */
  readonly features: Float32Array;
  /** [rows], whole numbers in [0, classes). */
  readonly labels: Int32Array;
}

/** What a classifier makes of some rows. */
export interface Fit {
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Percent of rows whose class scores highest, or among the highest five; of equal scores the lower class's counts. */
  readonly top1: number;
  readonly top5: number;
}

/** Standard deviation of the first weights. */
const INITIAL_STD = 0.01;
/** Rows that are measured at a time. */
const BLOCK = 256;

export class LinearClassifier {
  readonly classes: number;
  readonly dim: number;
  /** [classes, dim] */
  readonly weights: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
  readonly #weightMomentum: Float32Array;
  readonly #biasMomentum: Float32Array;
  readonly #scratch = new Map<string, Float64Array>();

  /** Takes the arrays over. @throws MocoError shape-mismatch */
  constructor(classes: number, dim: number, weights: Float32Array, bias: Float32Array) {
    expectWhole('classes', classes, 1);
    expectWhole('dim', dim, 1);
    expectLength('weights', weights.length, classes * dim, `[${classes}, ${dim}]`);
    expectLength('bias', bias.length, classes, `[${classes}]`);
    this.classes = classes;
    this.dim = dim;
    this.weights = weights;
    this.bias = bias;
    this.#weightMomentum = new Float32Array(weights.length);
    this.#biasMomentum = new Float32Array(bias.length);
  }

  /** Weights from N(0, 0.01²), bias 0. @throws MocoError shape-mismatch, usage (seed) */
  static random(classes: number, dim: number, seed: number): LinearClassifier {
    const random = new Random({ seed, stream: STREAMS.linearInit });
    const weights = Float32Array.from({ length: classes * dim }, () => INITIAL_STD * random.normal());
    return new LinearClassifier(classes, dim, weights, new Float32Array(classes));
  }

  /**
   * One step of SGD on the mean cross-entropy of a batch: v ← momentum·v + gradient, w ← w − learningRate·v.
   * @param rows which of the rows the batch is, in this order
   * @returns what the batch was taken for before the step
   * @throws MocoError loss-not-finite, with nothing changed
   */
  step(
    { features, labels }: LabeledRows,
    rows: Uint32Array,
    { learningRate, momentum }: { readonly learningRate: number; readonly momentum: number },
  ): Fit {
    const { classes, dim, weights, bias } = this;
    const x = this.#gather(features, rows);
    const scores = this.#scores(x, rows.length, this.#padded());
    const tally = new Tally();
    const stride = padTo4(classes);
    for (let r = 0; r < rows.length; r++) {
      const own = scores.subarray(r * stride, r * stride + classes);
      tally.add(own, labels[rows[r]!]!);
      // ∂ mean loss / ∂ score = (softmax − one-hot) / rows
      const highest = maximum(own);
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += own[k] = exp(own[k]! - highest);
      for (let k = 0; k < classes; k++) own[k] = own[k]! / (sum * rows.length);
      own[labels[rows[r]!]!]! -= 1 / rows.length;
    }
    const fit = tally.fit();
    if (!Number.isFinite(fit.loss)) {
      throw new MocoError(
        'loss-not-finite',
        `the linear classifier's loss is ${fit.loss} at learning rate ${learningRate}: lower it`,
      );
    }
    scores.fill(0, rows.length * stride);
    const gradient = this.#array('gradient', classes * dim);
    outerProducts(scores, x, { rows: padTo4(rows.length), classes, stride, dim }, gradient);
    descend(weights, this.#weightMomentum, gradient, learningRate, momentum);
    const biasGradient = this.#array('bias gradient', classes);
    for (let k = 0; k < classes; k++) {
      let sum = 0;
      for (let r = 0; r < rows.length; r++) sum += scores[r * stride + k]!;
      biasGradient[k] = sum;
    }
    descend(bias, this.#biasMomentum, biasGradient, learningRate, momentum);
    return fit;
  }

  /** How well it tells the classes of all rows. NaN of no rows. */
  measure({ features, labels }: LabeledRows): Fit {
    const { classes } = this;
    const tally = new Tally();
    const weights = this.#padded();
    for (let start = 0; start < labels.length; start += BLOCK) {
      const count = Math.min(BLOCK, labels.length - start);
      const rows = Uint32Array.from({ length: count }, (_, row) => start + row);
      const scores = this.#scores(this.#gather(features, rows), count, weights);
      for (let r = 0; r < count; r++) {
        const at = r * padTo4(classes);
        tally.add(scores.subarray(at, at + classes), labels[start + r]!);
      }
    }
    return tally.fit();
  }

  /** [rows, dim] in float64, padded with rows of zeros to a multiple of four. */
  #gather(features: Float32Array, rows: Uint32Array): Float64Array {
    const { dim } = this;
    const x = this.#array('rows', padTo4(rows.length) * dim);
    rows.forEach((row, r) => {
      x.set(features.subarray(row * dim, (row + 1) * dim), r * dim);
    });
    return x.fill(0, rows.length * dim);
  }

  /** The weights as `#scores` takes them: in float64, padded with classes of zeros to a multiple of four. */
  #padded(): Float64Array {
    const weights = this.#array('weights', padTo4(this.classes) * this.dim);
    weights.set(this.weights);
    return weights;
  }

  /** [rows, classes], both padded to a multiple of four. */
  #scores(x: Float64Array, rows: number, weights: Float64Array): Float64Array {
    const classes = padTo4(this.classes);
    const scores = this.#array('scores', padTo4(rows) * classes);
    dotProducts(x, weights, padTo4(rows), classes, this.dim, scores);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < this.classes; k++) scores[r * classes + k]! += this.bias[k]!;
    }
    return scores;
  }

  /** Working memory, the same at each call with the same name and length. */
  #array(name: string, length: number): Float64Array {
    const had = this.#scratch.get(name);
    if (had?.length === length) return had;
    const array = new Float64Array(length);
    this.#scratch.set(name, array);
    return array;
  }
}

/** Losses and ranks of rows, added up. */
class Tally {
  #rows = 0;
  #loss = 0;
  #first = 0;
  #firstFive = 0;

  /** @param scores [classes] */
  add(scores: Float64Array, label: number): void {
    const highest = maximum(scores);
    const own = scores[label]!;
    let sum = 0;
    let rank = 0;
    for (let k = 0; k < scores.length; k++) {
      const score = scores[k]!;
      sum += exp(score - highest);
      if (score > own || (score === own && k < label)) rank++;
    }
    this.#rows++;
    this.#loss += log(sum) - (own - highest);
    // What is no number is right about nothing.
    if (Number.isNaN(own)) return;
    if (rank < 1) this.#first++;
    if (rank < 5) this.#firstFive++;
  }

  fit(): Fit {
    const percent = (count: number) => (100 * count) / this.#rows;
    return {
      loss: this.#loss / this.#rows,
      top1: percent(this.#first),
      top5: percent(this.#firstFive),
    };
  }
}

const padTo4 = (count: number) => 4 * Math.ceil(count / 4);

function maximum(values: Float64Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i]! > highest) highest = values[i]!;
  return highest;
}

/** v ← momentum·v + g, w ← w − learningRate·v: each rounded to float32. */
function descend(
  w: Float32Array,
  v: Float32Array,
  g: Float64Array,
  learningRate: number,
  momentum: number,
): void {
  for (let i = 0; i < w.length; i++) {
    v[i] = momentum * v[i]! + g[i]!;
    w[i] = w[i]! - learningRate * v[i]!;
  }
}
