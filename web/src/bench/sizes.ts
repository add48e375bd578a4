/** What may be measured, and about how long that takes where it is known. */
import {
  CONVOLUTIONS,
  type Convolution,
  ENCODERS,
  flopOf,
  type InfoNceShape,
  KERNEL_SHAPES,
  type LossesEncoder,
  NETWORKS,
  type Network,
  SMALL_CONVOLUTIONS,
} from '../../../bench/measure/index.mjs';
import type { Computer } from './figures.ts';

export interface Size {
  readonly words: string;
  /** Of peak and bandwidth, too: what a software adapter has done within seconds. */
  readonly small: boolean;
  readonly infonce: InfoNceShape;
  readonly convolutions: readonly Convolution[];
  readonly network: Network;
  readonly batchSize: number;
  readonly groups: number;
  /** Timed steps; those of a processor are slow and even. */
  readonly steps: Readonly<Record<Computer, number>>;
  /** Of the steps whose time is told by operator: one group. */
  readonly images: number;
  readonly losses: { readonly encoder: LossesEncoder; readonly steps: number };
}

const WHOLE = {
  small: false,
  infonce: KERNEL_SHAPES.infonce[0]!,
  losses: { encoder: ENCODERS.whole, steps: 10 },
};

export const SIZES = {
  small: {
    ...{ words: 'tiny: a try, no figures to compare', small: true, infonce: [32, 64, 4096] },
    ...{ convolutions: SMALL_CONVOLUTIONS, network: NETWORKS.small, batchSize: 16, groups: 2, images: 4 },
    ...{ steps: { wasm: 1, webgpu: 1 }, losses: { encoder: ENCODERS.small, steps: 4 } },
  },
  r18w16: {
    ...{ ...WHOLE, words: 'ResNet-18, width 16, 32 px', convolutions: CONVOLUTIONS.r18w16 },
    ...{ network: NETWORKS.r18w16, batchSize: 64, groups: 2, images: 32, steps: { wasm: 5, webgpu: 10 } },
  },
  r18: {
    ...{ ...WHOLE, words: 'ResNet-18, width 64, 32 px', convolutions: CONVOLUTIONS.r18w64 },
    ...{ network: NETWORKS.r18, batchSize: 256, groups: 8, images: 32, steps: { wasm: 1, webgpu: 5 } },
  },
  r50: {
    ...{ ...WHOLE, words: 'ResNet-50, 224 px', convolutions: CONVOLUTIONS.r50 },
    ...{ network: NETWORKS.r50, batchSize: 32, groups: 4, images: 8, steps: { wasm: 1, webgpu: 3 } },
  },
} satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;
export const isSizeName = (name: string): name is SizeName => Object.hasOwn(SIZES, name);

/** GFLOP/s of onnxruntime-web and our kernels together: of a core, and of an adapter in software. */
const RATE = { wasm: 20, software: 1 };
/** Calls of a form of a convolution, each of at least so many seconds together with what it is repeated for. */
const CALLS = 7;
const CALL_SECONDS = 0.05;
const FORMS = 6;
/** Workers, .wasm files and sessions of a part; an adapter in software compiles its shaders for the most of it. */
const START_SECONDS = { wasm: 2, software: 60 };
const PARTS = 5;

/** Operations of a forward pass of an image, in convolutions. */
const forwardOf = (shapes: readonly Convolution[]): number =>
  shapes.reduce((sum, given) => sum + (given[0]! * flopOf(given)) / given[1]!, 0);

/** Seconds on a processor or an adapter in software, by rates that others had: half or twice as many may come. */
export function secondsOf(name: SizeName, where: 'wasm' | 'software', cores: number): number {
  const { convolutions, batchSize, groups, steps, losses, small } = SIZES[name] as Size;
  const rate = 1e9 * RATE[where];
  const workers = where === 'wasm' ? Math.max(1, Math.min(groups, cores)) : 1;
  const shapes = convolutions.map((given) => FORMS * CALLS * Math.max(CALL_SECONDS, flopOf(given) / rate));
  // Key forward, query forward, backward; a step warms up, and all are done twice, with augmentation and without.
  const stepped =
    4 * batchSize * forwardOf(convolutions) * 2 * (steps[where === 'wasm' ? 'wasm' : 'webgpu'] + 1);
  const learned = small ? 0 : 4 * losses.steps * losses.encoder.batchSize * forwardOf(CONVOLUTIONS.r18w16);
  const timed = shapes.reduce((sum, seconds) => sum + seconds, 0);
  return timed + (stepped + learned) / rate / workers + PARTS * START_SECONDS[where];
}
