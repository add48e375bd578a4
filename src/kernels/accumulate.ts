/** sum ← sum + x: gradients and statistics of the groups of a batch, added up in the order of the groups. */
import text from '../../shaders/accumulate.wgsl';
import { MocoError } from '../errors.ts';
import { expectLength, expectSameCount } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface AccumulateArguments {
  /** For each pair of arrays: sum ← sum + x. */
  readonly sums: readonly DeviceArray[];
  /** As long as its sum, or several times as long: then it holds so many rows, which are added one after the other. */
  readonly xs: readonly DeviceArray[];
  /** False: the first row takes the place of what is in the sum. Default true. */
  readonly add?: boolean;
}

export interface AccumulateExports {
  accumulate(sum: number, x: number, length: number): void;
  copy(target: number, source: number, length: number, gate: number): void;
}

const shader = shaderOf([{ name: 'accumulate.wgsl', text }], ['write', 'read']);

/** The gate of wasm/copy.ts that is always open. */
const OPEN = 0;

const rowsOf = (sum: DeviceArray, x: DeviceArray) => (sum.length === 0 ? 1 : x.length / sum.length);

export const accumulate: Kernel<AccumulateArguments, void, AccumulateExports> = {
  shaders: [shader],

  check({ sums, xs, add = true }, checks) {
    if (typeof add !== 'boolean') throw new MocoError('usage', 'add must be true or false');
    expectSameCount('sums and xs', [sums.length, xs.length]);
    for (const [i, sum] of sums.entries()) {
      const x = xs[i]!;
      checks.live(sum, `sums[${i}]`);
      const isWhole = x.length > 0 && Number.isInteger(rowsOf(sum, x));
      if (!isWhole || sum.length === 0) expectLength(`xs[${i}]`, x.length, sum.length, 'its partner');
      checks.live(x, `xs[${i}]`);
    }
  },

  webgpu({ sums, xs, add = true }, { at, run }) {
    run(
      sums.map((sum, i) => ({
        shader,
        parameters: [sum.length, rowsOf(sum, xs[i]!), add ? 1 : 0],
        buffers: [at(sum), at(xs[i]!)],
        workgroups: elements(sum.length),
      })),
    );
  },

  wasm({ sums, xs, add = true }, call) {
    const { at, exports } = call;
    const pairs = sums.map((sum, i) => ({ sum, x: xs[i]!, rows: rowsOf(sum, xs[i]!) }));
    const most = pairs.reduce((rows, pair) => Math.max(rows, pair.rows), 1);
    for (let row = 0; row < most; row++) {
      const some = pairs.filter(({ rows }) => row < rows);
      const arrays = { writes: [some.map(({ sum }) => sum)], reads: [some.map(({ x }) => x)] };
      elementwise(call, arrays, (i, first, count) => {
        const { sum, x } = some[i]!;
        const [target, source] = [at(sum) + 4 * first, at(x) + 4 * (row * sum.length + first)];
        return add || row > 0
          ? callOf(exports.accumulate, target, source, count)
          : callOf(exports.copy, target, source, count, OPEN);
      });
    }
  },
};
