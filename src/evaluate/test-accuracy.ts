/** How well an encoder whose embedding is the logits of classes tells the images of the test split apart. */
import type { DatasetEmbeddings } from './embed-dataset.ts';
import { type EmbedOptions, embedSplit, ownRows } from './splits.ts';

export interface Accuracy {
  /** Percent of images whose class is the first guess, or among the first five. */
  readonly top1: number;
  readonly top5: number;
}

/**
 * Null without a test split that has labels.
 * @param embedded the test split, where it is embedded already
 * @throws as embedSplit does
 */
export async function testAccuracy(
  options: EmbedOptions,
  embedded: DatasetEmbeddings | null = null,
): Promise<Accuracy | null> {
  const { test, testLabels, testLength } = options.data;
  if (!test || !testLabels) return null;
  const { features, labels } = ownRows(
    embedded ?? (await embedSplit(options, test, testLength)),
    'head',
    testLabels,
  );
  return accuracyOf(features, labels);
}

/**
 * @param logits [labels.length, classes]
 * A class whose logit is as large as the right one's does not count as preferred to it.
 */
export function accuracyOf(logits: Float32Array, labels: Int32Array): Accuracy {
  const classes = logits.length / labels.length;
  let first = 0;
  let amongFive = 0;
  for (const [row, label] of labels.entries()) {
    const own = logits[row * classes + label]!;
    const preferred = logits
      .subarray(row * classes, (row + 1) * classes)
      .filter((logit) => logit > own).length;
    if (preferred === 0) first++;
    if (preferred < 5) amongFive++;
  }
  return { top1: (100 * first) / labels.length, top5: (100 * amongFive) / labels.length };
}
