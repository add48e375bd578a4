/** Rows brought to unit length (torch.nn.functional.normalize). */
import text from '../../shaders/l2norm.wgsl';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { grid, shaderOf } from './shader.ts';

export interface L2NormArguments {
  /** [rows, dim] */
  readonly x: DeviceArray;
  /** out [rows, dim]: x / max(‖x‖₂, 1e-12) for each row. It may be x. */
  readonly y: DeviceArray;
  /** out [rows]: ‖x‖₂, which the gradient needs. */
  readonly norm: DeviceArray;
  readonly rows: number;
  readonly dim: number;
}

const shader = shaderOf([...REDUCE_FILES, { name: 'l2norm.wgsl', text }], ['read', 'write', 'write']);

export const l2norm: Kernel<
  L2NormArguments,
  void,
  { l2norm(x: number, y: number, norm: number, rows: number, dim: number): void }
> = {
  shaders: [shader],

  check({ x, y, norm, rows, dim }, checks) {
    checks.matrix('x', x, rows, dim);
    checks.matrix('y', y, rows, dim);
    checks.matrix('norm', norm, rows);
  },

  webgpu({ x, y, norm, rows, dim }, { at, run }) {
    const buffers = [at(x), at(y), at(norm)];
    run([{ shader, parameters: [rows, dim], buffers, workgroups: grid(rows) }]);
  },

  wasm({ x, y, norm, rows, dim }, { at, exports }) {
    exports.l2norm(at(x), at(y), at(norm), rows, dim);
  },
};
