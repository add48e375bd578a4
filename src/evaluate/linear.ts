/**
 * Linear classification on a checkpoint's encoder, which does not change: the protocol by which encoders are compared. What it
 * gives and throws stands with page/jobs.ts.
 */
import { queryValues } from '../checkpoint/contents.ts';
import { sha256 } from '../checkpoint/digest.ts';
import { labeledOnly } from '../data/derived/labeled.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { coreCount } from '../runtime/cores.ts';
import { viewOptionsOf } from '../scheduler/view-pool.ts';
import { openEncoders } from './evaluate-checkpoint.ts';
import {
  checkFitSettings,
  EpochFit,
  type FitSettings,
  fitOrder,
  fitRate,
  PROTOCOL,
  stableRate,
} from './fit.ts';
import { LinearClassifier } from './linear-classifier.ts';
import type { LinearJob } from './linear-job.ts';
import { meanSquare, rankMe, sampleOf, uniformity, unitRows } from './metrics.ts';
import { embedSplit, labeledSplits, ownRows } from './splits.ts';
import { augmentedFeatures, cachedFeatures, type TrainingFeatures } from './training-features.ts';

/** What is told in order: what was taken, each epoch, the outcome. */
export type LinearEvent = LinearStart | LinearEpoch | LinearOutcome;

export interface LinearStart extends FitSettings {
  type: 'start';
  cache: boolean;
  /** Training images, of which corrupt ones are replaced (with `cache` left out), and test images that can be decoded. */
  images: number;
  testImages: number;
  classes: number;
  /** Length of a feature. */
  dim: number;
  /** Mean squared length of the test images' features. */
  meanSquare: number;
  /** The highest learning rate at which a classifier on such features surely settles. The protocol's may be higher. */
  stableRate: number;
}

export interface LinearEpoch {
  type: 'epoch';
  /** Counted from 0. */
  epoch: number;
  lr: number;
  /** Over the epoch's batches, each before its step; acc1 in percent. */
  loss: number;
  acc1: number;
  /** Percent of the test split, after the epoch. */
  top1: number;
}

export interface LinearOutcome {
  type: 'linear';
  /** Percent of the test split after the last epoch (not the best of all epochs). top5 is 100 for five classes or fewer. */
  top1: number;
  top5: number;
  /** Mean cross-entropy of the last epoch's batches. Above ln(classes), the chance level, the learning rate was too high. */
  loss: number;
  epochs: number;
  cache: boolean;
  /**
   * Whether the encoder is, bit for bit, what it was: digests of its weights and statistics before and after, and the features that
   * it gives of the first test images.
   */
  backboneUnchanged: boolean;
  /** Of the test images' features, see metrics.ts. */
  uniformity: number;
  rankMe: number;
}

export async function* linearOfCheckpoint(job: LinearJob): AsyncGenerator<LinearEvent> {
  const { epochs, learningRate, batchSize, seed } = { ...PROTOCOL, ...given(job) };
  const asked = { epochs, learningRate: learningRate === 'stable' ? 1 : learningRate, batchSize, seed };
  const cache = job.cache ?? false;
  checkFitSettings(asked);
  const { data, checkpoint } = job;
  const splits = labeledSplits(labeledOnly(data), 'linear classification');
  const weights = queryValues(checkpoint.tensors);
  const before = await digestOf(weights);
  const { encoders, dispose } = await openEncoders(job);
  let train: TrainingFeatures | null = null;
  try {
    const workers = Math.max(1, Math.floor((job.workers ?? (await coreCount())) / 2));
    const options = {
      views: { ...viewOptionsOf(checkpoint.state.config, workers), ...job.reports },
      embed: (images: () => Promise<Float32Array>) => encoders.embed(images),
    };
    const embedTest = async (most: number) => {
      const { spec, labels, length } = splits.test;
      return ownRows(await embedSplit(options, spec, Math.min(most, length)), 'backbone', labels);
    };
    const test = await embedTest(Number.POSITIVE_INFINITY);
    const dim = test.features.length / test.rows;
    const square = meanSquare(test.features, dim);
    const settings = learningRate === 'stable' ? { ...asked, learningRate: stableRate(square) } : asked;
    train = cache
      ? await cachedFeatures(options, splits.train)
      : await augmentedFeatures(options, splits.train, settings);
    const classifier = LinearClassifier.random(data.classes.length, dim, seed);
    yield {
      ...{ type: 'start', ...settings, cache, images: train.images },
      ...{ testImages: test.rows, classes: data.classes.length, dim },
      meanSquare: square,
      stableRate: stableRate(square),
    };
    let loss = Number.NaN;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const fit = new EpochFit();
      for await (const { rows, order } of train.epoch(epoch, fitOrder(settings, epoch, train.images))) {
        fit.take(classifier, rows, order, settings, epoch);
      }
      const { top1: acc1 } = fit.mean;
      loss = fit.mean.loss;
      const { top1 } = classifier.measure(test);
      yield { type: 'epoch', epoch, lr: fitRate(settings, epoch), loss, acc1, top1 };
    }
    const { top1, top5 } = classifier.measure(test);
    const { features: again } = await embedTest(embeddingBatch(options.views.imageSize));
    const sameFeatures = again.every((value, i) => Object.is(value, test.features[i]));
    const sample = sampleOf(test.features, dim);
    yield {
      ...{ type: 'linear', top1, top5, loss, epochs, cache },
      backboneUnchanged: sameFeatures && (await digestOf(weights)) === before,
      uniformity: uniformity(unitRows(sample, dim), dim),
      rankMe: rankMe(sample, dim),
    };
  } finally {
    try {
      await train?.dispose();
    } finally {
      await dispose();
    }
  }
}

/** What a job says of the settings: undefined says nothing. */
function given({
  epochs,
  learningRate,
  batchSize,
  seed,
}: LinearJob): Pick<LinearJob, 'epochs' | 'learningRate' | 'batchSize' | 'seed'> {
  const said = Object.entries({ epochs, learningRate, batchSize, seed });
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

/** Of all bits of an encoder. */
async function digestOf(values: ReadonlyMap<string, Float32Array>): Promise<string> {
  const digests: string[] = [];
  for (const [name, { buffer, byteOffset, byteLength }] of values) {
    // A copy: the bytes may be shared with other threads.
    digests.push(`${name} ${await sha256(new Uint8Array(buffer, byteOffset, byteLength).slice())}`);
  }
  return digests.join('\n');
}
