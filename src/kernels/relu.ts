/** y ← max(x, 0): the activation of ResNets. */
import text from '../../shaders/relu.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface ReluArguments {
  readonly x: DeviceArray;
  /**
   * out, as long as x: 0 where x < 0, else x, bit for bit, so NaN stays NaN, and −0 stays −0; −∞ becomes 0. It may be x;
   * WebGPU then copies x first.
   */
  readonly y: DeviceArray;
}

const shader = shaderOf([{ name: 'relu.wgsl', text }], ['write', 'read']);

export const relu: Kernel<ReluArguments, void, { relu(x: number, y: number, length: number): void }> = {
  shaders: [shader],

  check({ x, y }, checks) {
    checks.alike({ x, y });
  },

  webgpu({ x, y }, { at, run }) {
    run([{ shader, parameters: [y.length], buffers: [at(y), at(x)], workgroups: elements(y.length) }]);
  },

  wasm({ x, y }, call) {
    const { at, exports } = call;
    elementwise(call, { writes: [[y]], reads: [[x]] }, (_, first, count) =>
      callOf(exports.relu, at(x) + 4 * first, at(y) + 4 * first, count),
    );
  },
};
