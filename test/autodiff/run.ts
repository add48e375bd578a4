/** Runs a graph's gradient in some lowering on some provider, and compares it with float64. */
import { describe } from 'vitest';
import { type DifferentiateOptions, differentiate, type Gradient } from '../../src/autodiff/differentiate.ts';
import type { Provider } from '../../src/autodiff/lowering.ts';
import type { SessionPlace } from '../../src/encoder/ort.ts';
import { runOnce, type Values } from '../../src/encoder/run-gradient.ts';
import { contextOf } from '../../src/golden/context.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import type { Dim, Graph } from '../../src/onnx/graph.ts';
import { TEST_BACKEND, WORKERS_ON } from '../backend.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from '../kernels/backends.ts';
import { generator, normals } from '../kernels/inputs.ts';
import { type Array64, from } from './reference.ts';

/** The tables of lowerings that wasm is tried with; both write ordinary ONNX, so both can run on the wasm provider. */
export const LOWERINGS: readonly Provider[] = ['wasm', 'webgpu'];

/** A table of lowerings, and where the graphs that it wrote are run. */
export interface Place {
  readonly lowering: Provider;
  readonly session: SessionPlace;
  /** For the gradients that graphs leave to them. */
  readonly kernels: Kernels;
}

/** Runs a suite in both lowerings on the wasm provider (npm test), else in that of the suite's backend on it. */
export function inEveryPlace(suite: (place: Place) => void): void {
  onEveryBackend(({ kernels }) => {
    const session = contextOf(kernels, TEST_BACKEND).place;
    const lowerings = session.provider === 'wasm' ? LOWERINGS : [session.provider];
    describe.each(lowerings)('in the lowering of %s', (lowering) => suite({ lowering, session, kernels }));
  });
}

/** Runs a suite in both lowerings on wasm, or natively: what takes too long on a software GPU. */
export async function onWasm(suite: (place: Place) => void): Promise<void> {
  const kernels = await createWasmKernels();
  const lowerings = WORKERS_ON === 'native' ? (['native'] as const) : LOWERINGS;
  describe.each(lowerings)('in the lowering of %s', (lowering) =>
    suite({ lowering, session: { provider: WORKERS_ON }, kernels }),
  );
}

export interface Run {
  readonly outputs: ReadonlyMap<string, Values>;
  readonly gradients: ReadonlyMap<string, Values>;
  readonly gradient: Gradient;
}

export async function run(
  graph: Graph,
  { lowering, session }: Place,
  inputs: ReadonlyMap<string, Values>,
  dOutputs: ReadonlyMap<string, Values>,
  wrt: readonly string[] = [...inputs.keys()],
  options: Partial<DifferentiateOptions> = {},
): Promise<Run> {
  const outputNames = [...dOutputs.keys()];
  const gradient = differentiate(graph, { wrt, outputs: outputNames, provider: lowering, ...options });
  const outputs = await runOnce(gradient.forward, session, inputs);
  const available = new Map([...inputs, ...outputs]);
  for (const [output, input] of gradient.outputGradients) available.set(input, dOutputs.get(output)!);
  const found = await runOnce(gradient.backward, session, available);
  const gradients = new Map([...gradient.gradients].map(([name, output]) => [name, found.get(output)!]));
  return { outputs, gradients, gradient };
}

/** Float32 values, the same for the same seed. */
export function random(shape: readonly number[], seed: number, scale = 1, shift = 0): Values {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: normals(length, generator(seed), scale).map((x) => x + shift) };
}

export const exact = ({ shape, data }: Values): Array64 => from(shape, data);

/** The sizes with the first one, the batch, left open. */
export const dynamic = ([, ...rest]: readonly number[]): Dim[] => ['batch', ...rest];

/** Unit roundoff of float32. */
const U = 2 ** -24;

/**
 * Compares with |error| ≤ (terms + extra)·2⁻²⁴·Σ|terms|, the bound on a float32 sum of `terms` products in any order
 * (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), plus a smallest normal number for every operation, as
 * WebGPU may take denormals for 0.
 */
export function expectSum(what: string, actual: Values | undefined, expected: Array64, terms: number): void {
  if (!actual) throw new Error(`${what} was not computed`);
  if (String(actual.shape) !== String(expected.shape)) {
    throw new Error(`${what} is [${actual.shape}], expected [${expected.shape}]`);
  }
  const tolerance = expected.magnitude.map((size) => (terms + 2) * (U * size + 2 ** -126));
  expectClose(what, actual.data, expected.data, tolerance, expected.shape);
}
