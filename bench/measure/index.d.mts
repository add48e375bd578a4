import type * as Moco from '../../src/index.ts';
import type { Kernels, WasmKernels, WebGpuKernels } from '../../src/kernels.ts';
import type { differentiateGraph, encodeModel } from '../../src/onnx.ts';

type Ort = typeof import('onnxruntime-web/wasm');

export interface Time {
  wallMs: number;
  gpuMs: number | null;
}
export interface Clock {
  time(body: () => unknown): Promise<Time>;
}
export function createClock(device: GPUDevice | null): Clock;

/** GFLOP/s and GB/s. */
export interface Limits {
  gflops: number;
  gigabytes: number;
}
export function limitsOfGpu(gpu: { device: GPUDevice; clock: Clock }, small: boolean): Promise<Limits>;
export function limitsOfWasm(binary: BufferSource, small: boolean): Promise<Limits>;
export function floorOf(limits: Limits, amount: { flop?: number; bytes?: number }): number;

interface Context {
  kernels: Kernels;
  clock: Clock;
  limits: Limits;
}
export type InfoNceShape = readonly [rows: number, dim: number, queueSize: number];
export const KERNEL_SHAPES: { readonly infonce: readonly InfoNceShape[] };
export const SMALL_KERNEL_SHAPES: { readonly infonce: readonly InfoNceShape[] };
export function measureInfoNce(
  context: Context,
  shape: InfoNceShape,
): Promise<Time & { floorMs: number; ofFloor: number; gflops: number }>;

/** How often a network has it, images, channels, filters, size, kernel, stride. */
export type Convolution = readonly number[];
export const CONVOLUTIONS: {
  readonly [Network in 'r18w16' | 'r18w64' | 'r50']: readonly Convolution[];
};
export const SMALL_CONVOLUTIONS: readonly Convolution[];
export function nameOf(given: Convolution): string;
export function flopOf(given: Convolution): number;

export interface Sessions {
  options: object;
}
export function sessionsOfGpu(ort: Ort, gpu: { device: GPUDevice; kernels: WebGpuKernels }): Sessions;
export function sessionsOfWasm(ort: Ort, own: { kernels: WasmKernels }): Sessions;

type Form = Time & { gflops: number; ofFloor: number };
export interface ConvolutionTimes {
  flop: number;
  floorMs: number;
  forward: Form;
  forwardByKernel: Form;
  inputGradient?: Form;
  inputGradientByKernel?: Form;
  weightGradient: Form;
  weightGradientByKernel: Form;
}
export function measureConvolution(
  context: Context & {
    ort: Ort;
    sessions: Sessions;
    provider: 'wasm' | 'webgpu';
    encodeModel: typeof encodeModel;
    differentiateGraph: typeof differentiateGraph;
  },
  given: Convolution,
): Promise<ConvolutionTimes>;

export interface Network {
  arch: string;
  width: number;
  imageSize: number;
  dim: number;
  queueSize: number;
}
export const NETWORKS: { readonly [Name in 'small' | 'r18w16' | 'r18' | 'r50']: Network };

export interface StepTimes {
  operators: { operator: string; program: string; runs: number; gpuMs: number }[];
  hosts: { operator: string; runs: number; hostMs: number }[];
  kernels: { kernel: string; dispatches: number; gpuMs: number }[] | null;
  untimed: number;
}
export function timeOfSteps(
  moco: typeof Moco,
  ort: Ort,
  given: { network: Network; images: number; steps: number; layout?: 'NHWC' | 'NCHW' },
): Promise<StepTimes>;

export interface LossesEncoder extends Network {
  batchSize: number;
  groups: number;
}
export const ENCODERS: { readonly [Name in 'whole' | 'small']: LossesEncoder };
export function trainLosses(
  moco: typeof Moco,
  given: { encoder: LossesEncoder; steps: number; backend: 'wasm' | 'webgpu' },
  told?: (losses: readonly number[]) => void,
): Promise<{ run: { losses: number[]; seconds: number } }>;
export function largestDifference(losses: readonly (readonly number[] | undefined)[]): number | null;
