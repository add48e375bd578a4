/** The gradient of relu. */
import text from '../../shaders/relu-backward.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface ReluBackwardArguments {
  readonly dy: DeviceArray;
  /** As long as dy: what relu gave, or what it was given; both are above 0 in the same places. */
  readonly y: DeviceArray;
  /**
   * out, as long as dy: dy where y > 0, bit for bit, else 0, whatever dy is there (the gradient at 0 is 0, as in PyTorch). Where y is NaN
   * it is that NaN, so that a gate over gradients sees it. It may be dy or y; WebGPU then copies that first.
   */
  readonly dx: DeviceArray;
}

const shader = shaderOf([{ name: 'relu-backward.wgsl', text }], ['write', 'read', 'read']);

export const reluBackward: Kernel<
  ReluBackwardArguments,
  void,
  { reluBackward(dy: number, y: number, dx: number, length: number): void }
> = {
  shaders: [shader],

  check({ dy, y, dx }, checks) {
    checks.alike({ dy, y, dx });
  },

  webgpu({ dy, y, dx }, { at, run }) {
    const buffers = [at(dx), at(dy), at(y)];
    run([{ shader, parameters: [dx.length], buffers, workgroups: elements(dx.length) }]);
  },

  wasm({ dy, y, dx }, call) {
    const { at, exports } = call;
    elementwise(call, { writes: [[dx]], reads: [[dy], [y]] }, (_, first, count) =>
      callOf(exports.reluBackward, at(dy) + 4 * first, at(y) + 4 * first, at(dx) + 4 * first, count),
    );
  },
};
