/** The dictionary as a queue (MoCo 3.2): the newest keys replace the oldest. */
import text from '../../shaders/enqueue.wgsl';
import { expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface EnqueueArguments {
  /** The queue, [K, C]; row i of keys goes to row (pointer + i) mod K. The new pointer is (pointer + N) mod K. */
  readonly queue: DeviceArray;
  /** [N, C] */
  readonly keys: DeviceArray;
  /** 0 … K − 1 */
  readonly pointer: number;
  /** K */
  readonly queueSize: number;
  /** N */
  readonly rows: number;
  /** C */
  readonly dim: number;
  /** [1] Nothing is written while it is 0. */
  readonly gate: DeviceArray;
}

const shader = shaderOf([{ name: 'enqueue.wgsl', text }], ['write', 'read', 'read']);

export const enqueue: Kernel<
  EnqueueArguments,
  void,
  {
    enqueue(
      queue: number,
      keys: number,
      pointer: number,
      queueSize: number,
      rows: number,
      dim: number,
      gate: number,
    ): void;
  }
> = {
  shaders: [shader],

  check({ queue, keys, pointer, queueSize, rows, dim, gate }, checks) {
    expectWhole('queueSize', queueSize, 1);
    expectWhole('pointer', pointer, 0, queueSize - 1);
    checks.matrix('queue', queue, queueSize, dim);
    checks.matrix('keys', keys, rows, dim);
    checks.gate(gate);
  },

  webgpu({ queue, keys, pointer, queueSize, rows, dim, gate }, { at, run }) {
    // Of more rows than the queue holds only the last ones are left.
    const skipped = Math.max(rows - queueSize, 0);
    const count = (rows - skipped) * dim;
    run([
      {
        shader,
        parameters: [count, dim, queueSize, (pointer + skipped) % queueSize, skipped],
        buffers: [at(queue), at(keys), at(gate)],
        workgroups: elements(count),
      },
    ]);
  },

  wasm({ queue, keys, pointer, queueSize, rows, dim, gate }, { at, exports }) {
    exports.enqueue(at(queue), at(keys), pointer, queueSize, rows, dim, at(gate));
  },
};
