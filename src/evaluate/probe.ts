/** A linear classifier fitted quickly on features of now: how well classes that training never saw can be told apart linearly. */
import type { DatasetDescription } from '../data/dataset.ts';
import { EpochFit, fitOrder, PROTOCOL, stableRate } from './fit.ts';
import { LinearClassifier } from './linear-classifier.ts';
import { meanSquare, rankMe, sampleOf, uniformity, unitRows } from './metrics.ts';
import { type EmbeddedSplits, labeledSplits, ownRows } from './splits.ts';

export interface ProbeResult {
  /** Percent of the test split. */
  top1: number;
  top5: number;
  /** Of the test images' features, see metrics.ts. */
  uniformity: number;
  rankMe: number;
}

/** Passes over the training features: enough for a number to compare epochs by, a tenth of the protocol's time. */
export const PROBE_EPOCHS = 10;

/**
 * Linear classification on features of center views, in PROBE_EPOCHS epochs, at the highest learning rate that is stable for features
 * of the size that they have at this point of a training.
 * @throws MocoError data-invalid without classes or without a test split; loss-not-finite
 */
export function probe({ train, test }: EmbeddedSplits, data: DatasetDescription): ProbeResult {
  const splits = labeledSplits(data, 'the probe');
  const rows = ownRows(train, 'backbone', splits.train.labels);
  const judged = ownRows(test ?? train, 'backbone', splits.test.labels);
  const dim = rows.features.length / rows.rows;
  const learningRate = stableRate(meanSquare(rows.features, dim));
  const settings = { ...PROTOCOL, epochs: PROBE_EPOCHS, learningRate };
  const classifier = LinearClassifier.random(data.classes.length, dim, settings.seed);
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    new EpochFit().take(classifier, rows, fitOrder(settings, epoch, rows.rows), settings, epoch);
  }
  const { top1, top5 } = classifier.measure(judged);
  const sample = sampleOf(judged.features, dim);
  return { top1, top5, uniformity: uniformity(unitRows(sample, dim), dim), rankMe: rankMe(sample, dim) };
}
