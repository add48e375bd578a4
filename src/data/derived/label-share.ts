/** A share of the labels, for fine-tuning. */
import { expectArgument, shown, whole } from '../../arguments.ts';
import { MocoError } from '../../errors.ts';
import { Random, STREAMS } from '../../random.ts';
import type { DatasetDescription } from '../dataset.ts';
import { DATASET } from '../dataset-form.ts';
import { labeledOnly, narrowed } from './labeled.ts';

/**
 * The data with a share of its training images, the same share of each class (SimCLR, arXiv:2002.05709, appendix B.5), at
 * least one of each; the test split stays whole. Images without a class are left out.
 * @param share above 0, at most 1
 * @param seed which they are; by default 0
 * @throws MocoError usage for a share out of range, data-invalid for data without classes
 */
export function shareOfLabels(data: DatasetDescription, share: number, seed = 0): DatasetDescription {
  expectArgument('shareOfLabels', 'data', data, DATASET);
  expectArgument('shareOfLabels', 'seed', seed, whole(0, Number.MAX_SAFE_INTEGER));
  if (!(typeof share === 'number' && share > 0 && share <= 1)) {
    throw new MocoError(
      'usage',
      `share of the labels ${shown(share)} is out of range: give a number above 0, at most 1`,
    );
  }
  const labeled = labeledOnly(data);
  if (share === 1) return labeled;
  const { trainLabels } = labeled;
  if (!trainLabels)
    throw new MocoError('data-invalid', `the images of ${data.path} have no classes to share out`);
  const wanted = Array.from({ length: data.classes.length }, () => 0);
  for (const label of trainLabels) if (label >= 0) wanted[label]! += 1;
  for (const [label, count] of wanted.entries())
    wanted[label] = Math.min(count, Math.max(1, Math.round(share * count)));
  const order = new Random({ seed, stream: STREAMS.labelShare }).permutation(trainLabels.length);
  const taken: number[] = [];
  for (const image of order) {
    const label = trainLabels[image]!;
    if (label < 0 || wanted[label] === 0) continue;
    wanted[label]! -= 1;
    taken.push(image);
  }
  // In the order of the data, so that the share alone says which images they are.
  const only = Int32Array.from(taken.sort((a, b) => a - b));
  return {
    ...labeled,
    train: narrowed(labeled.train, only),
    trainLength: only.length,
    trainLabels: only.map((image) => trainLabels[image]!),
  };
}
