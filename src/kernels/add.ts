/** y ← a + b: where two branches of a network meet. `accumulate` adds to what is there. */
import text from '../../shaders/add.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface AddArguments {
  readonly a: DeviceArray;
  /** As long as a; it may be a. */
  readonly b: DeviceArray;
  /** out: a + b, as long as they are. It may be a or b; WebGPU then copies that first. */
  readonly y: DeviceArray;
}

const shader = shaderOf([{ name: 'add.wgsl', text }], ['write', 'read', 'read']);

export const add: Kernel<AddArguments, void, { add(a: number, b: number, y: number, length: number): void }> =
  {
    shaders: [shader],

    check({ a, b, y }, checks) {
      checks.alike({ a, b, y });
    },

    webgpu({ a, b, y }, { at, run }) {
      const buffers = [at(y), at(a), at(b)];
      run([{ shader, parameters: [y.length], buffers, workgroups: elements(y.length) }]);
    },

    wasm({ a, b, y }, call) {
      const { at, exports } = call;
      elementwise(call, { writes: [[y]], reads: [[a], [b]] }, (_, first, count) =>
        callOf(exports.add, at(a) + 4 * first, at(b) + 4 * first, at(y) + 4 * first, count),
      );
    },
  };
