/** The gradient of l2norm. */
import text from '../../shaders/l2norm-backward.wgsl';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { grid, shaderOf } from './shader.ts';

export interface L2NormBackwardArguments {
  /** [rows, dim] and [rows]: what l2norm has given. */
  readonly y: DeviceArray;
  readonly norm: DeviceArray;
  /** [rows, dim] */
  readonly dy: DeviceArray;
  /** out [rows, dim]: (dy − y·(y·dy)) / norm for each row; dy / 1e-12 where the norm was clamped. It may be dy. */
  readonly dx: DeviceArray;
  readonly rows: number;
  readonly dim: number;
}

const shader = shaderOf([{ name: 'l2norm-backward.wgsl', text }], ['read', 'read', 'read', 'write']);

export const l2normBackward: Kernel<
  L2NormBackwardArguments,
  void,
  { l2normBackward(y: number, norm: number, dy: number, dx: number, rows: number, dim: number): void }
> = {
  shaders: [shader],

  check({ y, norm, dy, dx, rows, dim }, checks) {
    checks.matrix('y', y, rows, dim);
    checks.matrix('norm', norm, rows);
    checks.matrix('dy', dy, rows, dim);
    checks.matrix('dx', dx, rows, dim);
  },

  webgpu({ y, norm, dy, dx, rows, dim }, { at, run }) {
    const buffers = [at(y), at(norm), at(dy), at(dx)];
    run([{ shader, parameters: [rows, dim], buffers, workgroups: grid(rows) }]);
  },

  wasm({ y, norm, dy, dx, rows, dim }, { at, exports }) {
    exports.l2normBackward(at(y), at(norm), at(dy), at(dx), rows, dim);
  },
};
