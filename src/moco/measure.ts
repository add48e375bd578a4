import { MocoError } from '../errors.ts';
import type { PretrainConfig } from './config.ts';

export interface StepMeasurement {
  /** The whole step on images in memory, by wall clock. */
  imagesPerSecond: number;
  /** The same with augmentation. */
  imagesPerSecondWithAugmentation: number;
  /** Floating-point operations of one image in one step: key forward, query forward and backward. */
  flopsPerImage: number;
  /** Where the time of a step goes: seconds by what takes them. */
  seconds: Readonly<Record<string, number>>;
}

export interface MeasureOptions {
  config: PretrainConfig;
  backend: 'wasm' | 'webgpu';
  workers?: number;
  /** Timed steps, after one that warms up. */
  steps: number;
}

/** Times training steps. Placeholder: the trainer takes its place. */
export async function measureStep(_options: MeasureOptions): Promise<StepMeasurement> {
  throw new MocoError('backend-unavailable', 'bench: the trainer is not connected yet');
}
