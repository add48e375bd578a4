/** LARS, Layer-wise Adaptive Rate Scaling: a step of each tensor as long as the tensor itself asks for. */
import text from '../../shaders/lars.wgsl';
import normsText from '../../shaders/lars-norms.wgsl';
import scaleText from '../../shaders/lars-scale.wgsl';
import { expectNumber } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { areIndependent, elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel, WasmCall } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { type Dispatch, elements, f32, grid, onDemand, shaderOf } from './shader.ts';

export interface LarsArguments {
  /**
   * For each triple of arrays of the same length: d = g + wd·p; d ← d·trust·‖p‖/‖d‖ where both lengths are above 0, and unless
   * `trust` is null; then, with the rate in the momentum, buffer ← μ·buffer + lr·d; p ← p − buffer; without,
   * buffer ← μ·buffer + d; p ← p − lr·buffer.
   */
  readonly parameters: readonly DeviceArray[];
  readonly gradients: readonly DeviceArray[];
  /** Zero before the first step. */
  readonly buffers: readonly DeviceArray[];
  /** lr, μ and wd: finite, 0 or more. */
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Above 0; null: these arrays have no trust ratio. */
  readonly trust: number | null;
  /** Whether momentum is that of steps (SimCLR), or of gradients (moco-v3). */
  readonly rateInMomentum: boolean;
  /** [1] Nothing is written while it is 0. */
  readonly gate: DeviceArray;
}

/** What is the same for all parameters of a call. */
export type LarsOptions = Pick<
  LarsArguments,
  'learningRate' | 'momentum' | 'weightDecay' | 'trust' | 'rateInMomentum'
>;

/** Elements whose squares are summed by themselves, on WebGPU (lars-norms.wgsl) and on wasm: no bit depends on threads. */
export const BLOCK = { webgpu: 1024, wasm: 2 ** 16 } as const;

/** A factor beyond it, of a gradient that is almost 0, would make infinity of it. */
const LARGEST_FLOAT = 2 ** 128 - 2 ** 104;

const norms = onDemand(
  shaderOf([...REDUCE_FILES, { name: 'lars-norms.wgsl', text: normsText }], ['read', 'read', 'write']),
);
const scale = shaderOf([...REDUCE_FILES, { name: 'lars-scale.wgsl', text: scaleText }], ['read', 'write']);
const shader = shaderOf([{ name: 'lars.wgsl', text }], ['write', 'write', 'read', 'read', 'read']);

export interface LarsExports {
  larsNorms(parameter: number, gradient: number, length: number, weightDecay: number, sums: number): void;
  lars(
    parameter: number,
    gradient: number,
    buffer: number,
    length: number,
    momentum: number,
    weightDecay: number,
    scale: number,
    rate: number,
    gate: number,
  ): void;
}

/** The learning rate is a factor of what goes into the buffer, or of what comes out of it. */
function ratesOf({ learningRate, rateInMomentum }: LarsOptions) {
  return rateInMomentum ? { factor: learningRate, rate: 1 } : { factor: 1, rate: learningRate };
}

export const lars: Kernel<LarsArguments, void, LarsExports> = {
  shaders: [norms, scale, shader],

  check(args, checks) {
    const { parameters, gradients, buffers, learningRate, momentum, weightDecay, trust, gate } = args;
    for (const [name, value] of Object.entries({ learningRate, momentum, weightDecay })) {
      expectNumber(name, value, value >= 0, 'at least 0');
    }
    if (trust !== null) expectNumber('trust', trust, trust > 0, 'greater than 0, or null');
    checks.lists({ parameters, gradients, buffers });
    checks.gate(gate);
  },

  webgpu(args, { at, run, scratch, openGate }) {
    const { parameters, gradients, buffers, momentum, weightDecay, trust } = args;
    const { factor, rate } = ratesOf(args);
    const blocksOf = ({ length }: DeviceArray) => Math.ceil(length / BLOCK.webgpu);
    const sums = scratch('the sums of lars', 4 * Math.max(1, ...parameters.map(blocksOf)));
    const adapted = scratch('the factor of lars', 1);
    run(
      parameters.flatMap((parameter, i): Dispatch[] => {
        const [p, g] = [at(parameter), at(gradients[i]!)];
        const blocks = blocksOf(parameter);
        const adapt: Dispatch[] = [
          {
            shader: norms,
            parameters: [parameter.length, blocks, f32(weightDecay)],
            buffers: [p, g, sums],
            workgroups: grid(blocks),
          },
          {
            shader: scale,
            parameters: [blocks, f32(factor), f32(factor * (trust ?? 0))],
            buffers: [sums, adapted],
            workgroups: [1],
          },
        ];
        const step: Dispatch = {
          shader,
          parameters: [
            parameter.length,
            ...[momentum, weightDecay, trust === null ? factor : 1, rate].map(f32),
          ],
          buffers: [p, at(buffers[i]!), g, trust === null ? openGate : adapted, at(args.gate)],
          workgroups: elements(parameter.length),
        };
        return trust === null ? [step] : [...adapt, step];
      }),
    );
  },

  wasm(args, call) {
    const { parameters, gradients, buffers, gate } = args;
    const all = parameters.map((parameter, i) => [parameter, gradients[i]!, buffers[i]!] as const);
    // Lengths before any step, so that all of them are found on all threads; but no triple may miss what one before it wrote.
    const independent = areIndependent({ writes: [parameters, buffers], reads: [gradients], gate });
    for (const triples of independent ? [all] : all.map((triple) => [triple])) {
      stepOnWasm(triples, args, call);
    }
  },
};

type Triple = readonly [parameter: DeviceArray, gradient: DeviceArray, buffer: DeviceArray];

function stepOnWasm(
  triples: readonly Triple[],
  args: LarsOptions & { readonly gate: DeviceArray },
  call: WasmCall<LarsExports>,
): void {
  const { momentum, weightDecay, gate } = args;
  const { rate } = ratesOf(args);
  const scales = scalesOnWasm(triples, args, call);
  const [parameters, gradients, buffers] = [0, 1, 2].map((k) => triples.map((triple) => triple[k]!));
  const arrays = { writes: [parameters!, buffers!], reads: [gradients!], gate };
  elementwise(call, arrays, (i, first, count) => {
    const [p, g, b] = triples[i]!.map((array) => call.at(array) + 4 * first);
    const factors = [momentum, weightDecay, scales[i]!, rate] as const;
    return callOf(call.exports.lars, p!, g!, b!, count, ...factors, call.at(gate));
  });
}

/** What the gradient of each is multiplied by. Sums of blocks are added in their order. */
function scalesOnWasm(
  triples: readonly Triple[],
  args: LarsOptions,
  { exports, at, borrow, threadsFor, share, inOrder }: WasmCall<LarsExports>,
): number[] {
  const { weightDecay, trust } = args;
  const { factor } = ratesOf(args);
  if (trust === null) return triples.map(() => factor);
  const blocks = triples.flatMap(([{ length }], place) =>
    Array.from({ length: Math.ceil(length / BLOCK.wasm) }, (_, block) => {
      const first = block * BLOCK.wasm;
      return { place, first, length: Math.min(BLOCK.wasm, length - first) };
    }),
  );
  const squares = triples.map(() => ({ p: 0, d: 0 }));
  borrow(16 * blocks.length, `the sums of lars for ${blocks.length} blocks`, (address, memory) => {
    const calls = blocks.map(({ place, first, length }, block) => {
      const [p, g] = triples[place]!.map((array) => at(array) + 4 * first);
      return callOf(exports.larsNorms, p!, g!, length, weightDecay, address + 16 * block);
    });
    const total = blocks.reduce((sum, { length }) => sum + length, 0);
    (threadsFor(total) > 1 ? share : inOrder)(calls);
    const sums = new Float64Array(memory, address, 2 * blocks.length);
    for (const [block, { place }] of blocks.entries()) {
      squares[place]!.p += sums[2 * block]!;
      squares[place]!.d += sums[2 * block + 1]!;
    }
  });
  return squares.map(({ p, d }) =>
    p > 0 && d > 0 ? Math.min((factor * trust * Math.sqrt(p)) / Math.sqrt(d), LARGEST_FLOAT) : factor,
  );
}
