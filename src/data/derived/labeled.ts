/** The images of a data set that have a class, for whoever learns from classes or judges by them. */
import type { DatasetDescription } from '../dataset.ts';
import { packIntegers } from '../shared.ts';
import type { DatasetSpec } from '../sources/source.ts';

/** How many images of both splits have none, of data with classes. */
export function unlabeledCount({ trainLabels, testLabels }: DatasetDescription): number {
  return [trainLabels, testLabels].reduce(
    (sum, labels) => sum + (labels?.reduce((none, label) => none + (label < 0 ? 1 : 0), 0) ?? 0),
    0,
  );
}

/** The data without images that have no class (of data without classes all of them). */
export function labeledOnly<Data extends DatasetDescription>(data: Data): Data {
  if (unlabeledCount(data) === 0) return data;
  const { train, trainLabels, trainLength, test, testLabels, testLength } = data;
  const [learned, judged] = [labeledOf(trainLabels), labeledOf(testLabels)];
  return {
    ...data,
    train: learned ? narrowed(train, learned) : train,
    trainLabels: learned && trainLabels ? learned.map((image) => trainLabels[image]!) : trainLabels,
    trainLength: learned?.length ?? trainLength,
    test: judged && test ? narrowed(test, judged) : test,
    testLabels: judged && testLabels ? judged.map((image) => testLabels[image]!) : testLabels,
    testLength: judged?.length ?? testLength,
  };
}

/** Some images of a spec, which may itself be of some. */
export function narrowed<Spec extends DatasetSpec>(spec: Spec, images: Int32Array): Spec {
  const { only } = spec;
  return { ...spec, only: packIntegers(only ? images.map((image) => only[image]!) : images) };
}

/** Null where there are no classes, or all have one. */
function labeledOf(labels: Int32Array | null): Int32Array | null {
  if (!labels?.some((label) => label < 0)) return null;
  return Int32Array.from(labels.keys()).filter((image) => labels[image]! >= 0);
}
