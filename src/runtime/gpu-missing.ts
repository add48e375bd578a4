/** Why there is no GPU here, and what to do about it. */
import { MocoError } from '../errors.ts';

/** A stable word that programs may test. */
export type GpuProblem =
  | 'no-webgpu' // the runtime has no navigator.gpu
  | 'insecure-page' // browsers give WebGPU only to pages served by https or localhost
  | 'no-package' // Node without the optional package webgpu
  | 'package-broken' // that package is there, but does not start
  | 'no-driver' // WebGPU is there, but no GPU driver
  | 'driver-refused' // a driver that WebGPU does not take, e.g. too old
  | 'driver-crashed'
  | 'driver-hung'
  | 'no-adapter' // WebGPU gives none and does not say why
  | 'no-device'; // the adapter gives no device

export interface MissingGpu {
  problem: GpuProblem;
  /** What is missing, for people. */
  what: string;
  /** How to get it, for people. */
  advice: string;
}

/** backend-unavailable, with the reason in parts. */
export class MissingGpuError extends MocoError {
  readonly missing: MissingGpu;

  constructor(problem: GpuProblem, what: string, advice: string, options?: ErrorOptions) {
    super('backend-unavailable', describeMissingGpu({ problem, what, advice }), options);
    this.missing = { problem, what, advice };
  }
}

/** In one line. */
export function describeMissingGpu({ what, advice }: MissingGpu): string {
  return `${what}: ${advice}, or use backend 'wasm'`;
}

/** What to do where there is no driver, or a bad one; also when Vulkan was told where to look. */
export function driverAdvice(): string {
  const setting = vulkanSetting();
  const hint = setting ? `Vulkan looks at nothing but ${setting}` : 'on Linux that of Vulkan';
  return `install or update the driver of your GPU (${hint})`;
}

function vulkanSetting(): string | null {
  try {
    const environment = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process
      ?.env;
    const name = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].find((variable) => environment?.[variable]);
    return name ? `${name}=${environment?.[name]}` : null;
  } catch {
    return null; // Deno, where reading the environment is not allowed.
  }
}
