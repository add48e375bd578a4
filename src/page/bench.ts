/** The speed of this machine, as everybody measures it: what trains is loaded when it is asked for. */
import type { ViewCosts } from '../data/measure-views.ts';
import type { DatasetSpec } from '../data/source.ts';
import type { MeasureOptions, StepMeasurement } from '../train/measure.ts';

/**
 * What `moco-web bench` tells: the speed of whole training steps, on random images in memory and on drawn ones that are decoded and
 * augmented. Works where it is called: in a page, call it in a worker.
 * @throws MocoError usage (the configuration), backend-unavailable, out-of-memory, worker-died, device-lost
 */
export async function measureStep(options: MeasureOptions): Promise<StepMeasurement> {
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
  return (await import('../data/measure-views.ts')).measureViews(recipe, imageSize, data);
}
