/** sum ← sum + x: gradients and statistics of the groups of a batch, added up in the order of the groups. */
import text from '../../shaders/accumulate.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface AccumulateArguments {
  /** For each pair of arrays of the same length: sum ← sum + x. */
  readonly sums: readonly DeviceArray[];
  readonly xs: readonly DeviceArray[];
}

const shader = shaderOf([{ name: 'accumulate.wgsl', text }], ['write', 'read']);

export const accumulate: Kernel<
  AccumulateArguments,
  void,
  { accumulate(sum: number, x: number, length: number): void }
> = {
  shaders: [shader],

  check({ sums, xs }, checks) {
    checks.lists({ sums, xs });
  },

  webgpu({ sums, xs }, { at, run }) {
    run(
      sums.map((sum, i) => ({
        shader,
        parameters: [sum.length],
        buffers: [at(sum), at(xs[i]!)],
        workgroups: elements(sum.length),
      })),
    );
  },

  wasm({ sums, xs }, call) {
    const { at, exports } = call;
    elementwise(call, { writes: [sums], reads: [xs] }, (i, first, count) =>
      callOf(exports.accumulate, at(sums[i]!) + 4 * first, at(xs[i]!) + 4 * first, count),
    );
  },
};
