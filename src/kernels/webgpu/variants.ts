/** What of the shaders depends on the device: workgroup sizes, and whether subgroups are used. No result depends on either. */
import { expectWhole } from '../checks.ts';

export interface VariantOptions {
  /**
   * Invocations of a workgroup, in [1, 256], of the kernels that work with any number: as many as the device allows,
   * rounded down to a power of two. Default: what suits each kernel.
   */
  workgroupSize?: number;
  /** Whether to use subgroups where the device has the feature. Default true. */
  subgroups?: boolean;
}

export interface Variant {
  readonly subgroups: boolean;
  /** The workgroup size of a kernel that `suits` invocations suit. */
  workgroupSize(suits: number): number;
}

/**
 * The one place that looks at limits for the shaders. The tiles of row-tiles.wgsl, topk-similarities.wgsl and
 * conv-weight-gradient.wgsl do not need it: at most 128 invocations and 15,488 bytes of workgroup memory are within what every
 * WebGPU device has (128 and 16,384 in its compatibility mode), and another tile of rows would be another order of sums.
 * @throws MocoError shape-mismatch where `workgroupSize` is out of its range
 */
export function chooseVariant(device: GPUDevice, options: VariantOptions): Variant {
  const { workgroupSize, subgroups = true } = options;
  if (workgroupSize !== undefined) expectWhole('workgroupSize', workgroupSize, 1, MOST);
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = device.limits;
  const most = Math.min(maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX);
  return {
    subgroups: subgroups && device.features.has('subgroups'),
    // A power of two: it divides the 256 elements of a workgroup.
    workgroupSize: (suits) => 2 ** Math.floor(Math.log2(Math.min(workgroupSize ?? suits, most))),
  };
}

/** Elements of a workgroup in kernels that take arrays element by element. */
const MOST = 256;
