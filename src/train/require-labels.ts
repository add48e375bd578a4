/** Whether data has the classes that a method learns from. */
import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import { learnsFromLabels } from '../methods/names.ts';
import type { Settings } from '../settings/settings.ts';

/**
 * To be called before a run begins.
 * @throws MocoError data-invalid where the method learns from labels and images have none, usage where it has another
 * number of classes than the data
 */
export function requireLabels(config: Pick<Settings, 'method' | 'dim'>, data: DatasetDescription): void {
  if (!learnsFromLabels(config.method)) return;
  const { classes, trainLabels } = data;
  const what = `method ${config.method} learns from labels, and`;
  if (!trainLabels || classes.length < 2) {
    const advice = 'put them in one folder a class';
    throw new MocoError(
      'data-invalid',
      `${what} the images of ${data.path} have fewer than 2 classes: ${advice}`,
    );
  }
  const without = trainLabels.filter((label) => label < 0).length;
  if (without > 0) {
    throw new MocoError(
      'data-invalid',
      `${what} ${without} of ${trainLabels.length} training images have none: give those in class folders alone`,
    );
  }
  if (classes.length !== config.dim) {
    throw new MocoError(
      'usage',
      `${what} the data has ${classes.length} classes where the configuration has ${config.dim}: leave dim out`,
    );
  }
}
