/** What was measured of a machine. */

export type Computer = 'wasm' | 'webgpu';

/** What is measured on each of them, in this order. */
export const PARTS = ['checks', 'kernels', 'convolutions', 'step', 'time', 'losses'] as const;
export type Part = (typeof PARTS)[number];

export const PART_NAMES: Readonly<Record<Part, string>> = {
  checks: 'checks of the kernels',
  kernels: 'peak, bandwidth and InfoNCE',
  convolutions: 'convolutions',
  step: 'training steps',
  time: 'where the time of a step goes',
  losses: 'losses',
};

/** The forms of a convolution, graphs of onnxruntime-web but for those by our kernels. */
export const FORMS = [
  'forward',
  'forwardByKernel',
  'inputGradient',
  'inputGradientByKernel',
  'weightGradient',
  'weightGradientByKernel',
] as const;
export type Form = (typeof FORMS)[number];

export interface Figures {
  readonly format: 2;
  readonly userAgent: string;
  readonly cores: number;
  /** Which networks and shapes: a name of SIZES. */
  readonly size: string;
  readonly adapter: {
    readonly name: string;
    readonly software: boolean;
    /** Without timestamp queries times are as the page waits. */
    readonly timestamps: boolean;
    readonly limits: Readonly<Record<string, number>>;
  } | null;
  /** Why there is no adapter. */
  readonly missing: string | null;
  readonly results: readonly BackendFigures[];
}

export interface BackendFigures {
  readonly backend: Computer;
  /** What was not run, or failed, and why. */
  readonly problems: readonly { readonly part: Part; readonly why: string }[];
  /** Cases of the conformance suite. */
  readonly checks: { readonly passed: number; readonly failed: number; readonly skipped: number } | null;
  /** GFLOP/s of arithmetic in registers, GB/s of a copy from memory to memory: on wasm of one core. */
  readonly limits: { readonly gflops: number; readonly gigabytes: number } | null;
  readonly infonce: {
    readonly rows: number;
    readonly dim: number;
    readonly queueSize: number;
    readonly milliseconds: number;
    readonly floor: number;
  } | null;
  readonly convolutions: readonly ConvolutionFigures[];
  readonly step: {
    readonly arch: string;
    readonly width: number;
    readonly imageSize: number;
    readonly batchSize: number;
    readonly groups: number;
    readonly imagesPerSecond: number;
    readonly gflops: number;
    /** Seconds of a step by phase. */
    readonly phases: readonly Share[];
  } | null;
  /** Milliseconds of a step by operator of onnxruntime-web, of the GPU and of the host, and by kernel of ours. */
  readonly time: {
    readonly images: number;
    readonly operators: readonly Share[];
    readonly kernels: readonly Share[];
    readonly hosts: readonly Share[];
  } | null;
  /** Of some steps on drawn images, the same with every backend. */
  readonly losses: readonly number[];
}

export interface Share {
  readonly name: string;
  readonly time: number;
  readonly times: number;
}

export interface ConvolutionFigures {
  /** How often the network has it, images, channels, filters, size, kernel, stride. */
  readonly given: readonly number[];
  /** Operations of each form. */
  readonly flop: number;
  /** Milliseconds. */
  readonly floor: number;
  readonly milliseconds: Readonly<Record<Form, number | null>>;
}

export const nothingOf = (backend: Computer): BackendFigures => ({
  ...{ backend, problems: [], checks: null, limits: null, infonce: null, convolutions: [] },
  ...{ step: null, time: null, losses: [] },
});

/** Digits that are kept: more than measurements hold, and of losses those of a float32, whose last ones are looked at. */
const [DIGITS, LOSS_DIGITS] = [4, 8];

/** As figures are shown and shared, so that both tell the same. */
export function rounded(found: Partial<BackendFigures>): Partial<BackendFigures> {
  const text = JSON.stringify(found, function (this: unknown, _, value: unknown) {
    if (typeof value !== 'number' || Number.isInteger(value)) return value;
    // Losses are the only numbers that are in a list themselves, beside whole ones.
    return Number(value.toPrecision(Array.isArray(this) ? LOSS_DIGITS : DIGITS));
  });
  return JSON.parse(text) as Partial<BackendFigures>;
}
