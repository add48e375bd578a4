/** What can be said when kernels are made on a device. */
import { type Forms, optional, texts, whole, yesNo } from '../../arguments.ts';
import type { ShaderTexts } from './pipelines.ts';
import type { VariantOptions } from './variants.ts';

export interface WebGpuKernelsOptions extends VariantOptions {
  /** WGSL to take in place of files of shaders/, by their names. */
  shaders?: ShaderTexts;
}

export const WEBGPU_OPTIONS: Forms<WebGpuKernelsOptions> = {
  shaders: optional(texts),
  workgroupSize: optional(whole(1, 256)),
  subgroups: optional(yesNo),
};
