/** Closes the gate of a step that has gone bad. */
import text from '../../shaders/finite.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface FiniteArguments {
  /** [1] ← 0 where any value of any array is not finite; else it stays: a gate that has closed stays closed until somebody writes 1 into it. */
  readonly gate: DeviceArray;
  readonly arrays: readonly DeviceArray[];
}

const shader = shaderOf([{ name: 'finite.wgsl', text }], ['write', 'read']);

export const finite: Kernel<
  FiniteArguments,
  void,
  {
    /** 1 where all are finite, else 0. */
    finite(x: number, length: number): number;
  }
> = {
  shaders: [shader],

  check({ gate, arrays }, checks) {
    checks.gate(gate);
    for (const [i, array] of arrays.entries()) checks.live(array, `arrays[${i}]`);
  },

  webgpu({ gate, arrays }, { at, run }) {
    run(
      arrays.map((array) => ({
        shader,
        parameters: [array.length],
        buffers: [at(gate), at(array)],
        workgroups: elements(array.length),
      })),
    );
  },

  wasm({ gate, arrays }, call) {
    const found = elementwise(call, { writes: [], reads: [arrays] }, (i, first, count) =>
      callOf(call.exports.finite, call.at(arrays[i]!) + 4 * first, count),
    );
    if (found.includes(0)) call.view(gate)[0] = 0;
  },
};
