/** The speed of this machine, as everybody measures it: what trains is loaded when it is asked for. */
import {
  either,
  expectArgument,
  expectOptions,
  type Forms,
  made,
  nothing,
  oneOf,
  optional,
  record,
  text,
  whole,
} from '../arguments.ts';
import type { ViewCosts } from '../data/load/measure-views.ts';
import type { DatasetSpec } from '../data/sources/source.ts';
import { BACKENDS } from '../runtime/backend.ts';
import { WORKER_COUNTS } from '../scheduler/worker-counts.ts';
import { CONFIGURATION } from '../settings/validate.ts';
import type { MeasureOptions, StepMeasurement } from '../train/measure.ts';

const MEASURE: Forms<MeasureOptions> = {
  ...WORKER_COUNTS,
  config: CONFIGURATION,
  backend: oneOf(BACKENDS.filter((name) => name !== 'auto')),
  encoder: optional(record),
  dumpGraphs: optional(text('the path of a folder')),
  groupsAtOnce: optional(whole(1)),
  steps: whole(1),
};
const SPEC = either(nothing, made<DatasetSpec>('the `train` of what describeDataset gave', { kind: text() }));

/**
 * What `moco-web bench` tells: the speed of whole training steps, on random images in memory and on drawn ones that are decoded and
 * augmented. Works where it is called: in a page, call it in a worker.
 * @throws MocoError usage (the configuration), backend-unavailable, out-of-memory, worker-died, device-lost
 */
export async function measureStep(options: MeasureOptions): Promise<StepMeasurement> {
  expectOptions('measureStep', options, MEASURE);
  return (await import('../train/measure.ts')).measureStep(options);
}

/**
 * What one view costs a data worker: decoding its image, and making the view of it.
 * @param recipe `augmentation` of a configuration
 * @param imageSize side of the views in pixels, 8 … 4096
 * @param data images to take, some of them; null: drawn ones, as PNG files, of the size of the views where that is small, else
 * of a photograph's
 * @throws MocoError usage, data-missing, data-invalid, image-corrupt (none can be decoded), backend-unavailable
 */
export async function measureViews(
  recipe: string,
  imageSize: number,
  data: DatasetSpec | null,
): Promise<ViewCosts> {
  expectArgument('measureViews', 'recipe', recipe, text('`augmentation` of a configuration'));
  expectArgument('measureViews', 'imageSize', imageSize, whole(8, 4096));
  expectArgument('measureViews', 'data', data, SPEC);
  return (await import('../data/load/measure-views.ts')).measureViews(recipe, imageSize, data);
}
