/** Epochs of a linear classifier: which learning rate, which batches, in which order. */
import { MocoError } from '../errors.ts';
import { stepMilestones, steppedRate } from '../optimizers/schedule.ts';
import { Random, STREAMS } from '../random.ts';
import type { Fit, LabeledRows, LinearClassifier } from './linear-classifier.ts';

/** How a linear classifier is trained. The momentum of its SGD is 0.9, and there is no weight decay. */
export interface FitSettings {
  /** Passes over the images, ≥ 1. */
  readonly epochs: number;
  /** Of the first epochs, > 0; times 0.1 at 60 % and again at 80 % of the epochs. */
  readonly learningRate: number;
  /** Images a step, ≥ 1; the last step of an epoch takes what is left. */
  readonly batchSize: number;
  /** Of the first weights, the order of the images and their views. */
  readonly seed: number;
}

/** Linear classification of MoCo (arXiv:1911.05722, 4.1; main_lincls.py of facebookresearch/moco). */
export const PROTOCOL: FitSettings = { epochs: 100, learningRate: 30, batchSize: 256, seed: 0 };

const MOMENTUM = 0.9;

/**
 * The highest learning rate at which the classifier surely settles, on features of this mean squared length. The Hessian of
 * softmax regression is at most ½·E[xxᵀ] (Böhning 1992), whose largest eigenvalue is at most E‖x‖², with 1 more for the bias; and SGD
 * with momentum μ is stable up to 2·(1 + μ) over the Hessian's.
 */
export function stableRate(meanSquare: number): number {
  return (2 * (1 + MOMENTUM)) / (0.5 * (meanSquare + 1));
}

/** @throws MocoError usage */
export function checkFitSettings({ epochs, learningRate, batchSize, seed }: FitSettings): void {
  for (const [name, value, least] of [
    ['epochs', epochs, 1],
    ['batch size', batchSize, 1],
    ['seed', seed, 0],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new MocoError('usage', `${name} is ${value}: give a whole number, ${least} or more`);
  }
  if (!(Number.isFinite(learningRate) && learningRate > 0)) {
    throw new MocoError('usage', `learning rate is ${learningRate}: give a number above 0`);
  }
}

/** The learning rate of an epoch counted from 0. */
export function fitRate({ learningRate, epochs }: FitSettings, epoch: number): number {
  return steppedRate(learningRate, epoch, stepMilestones(epochs));
}

/** [count] the images of an epoch in their order. */
export function fitOrder({ seed }: FitSettings, epoch: number, count: number): Uint32Array {
  return new Random({ seed, stream: STREAMS.linearOrder, epoch }).permutation(count);
}

/** What the batches of an epoch were taken for, each before its step. */
export class EpochFit {
  #rows = 0;
  #loss = 0;
  #top1 = 0;
  #top5 = 0;

  /** Steps through rows in the order given. @throws MocoError loss-not-finite */
  take(
    classifier: LinearClassifier,
    data: LabeledRows,
    rows: Uint32Array,
    settings: FitSettings,
    epoch: number,
  ): void {
    const rule = { learningRate: fitRate(settings, epoch), momentum: MOMENTUM };
    for (let start = 0; start < rows.length; start += settings.batchSize) {
      const batch = rows.subarray(start, start + settings.batchSize);
      const { loss, top1, top5 } = classifier.step(data, batch, rule);
      this.#rows += batch.length;
      this.#loss += loss * batch.length;
      this.#top1 += top1 * batch.length;
      this.#top5 += top5 * batch.length;
    }
  }

  get mean(): Fit {
    const [loss, top1, top5] = [this.#loss, this.#top1, this.#top5].map((sum) => sum / this.#rows);
    return { loss: loss!, top1: top1!, top5: top5! };
  }
}
