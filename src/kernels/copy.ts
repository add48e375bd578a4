/** target ← source, bit for bit: what a step may have to take back is kept so. */
import text from '../../shaders/copy.wgsl';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, shaderOf } from './shader.ts';

export interface CopyArguments {
  /** For each pair of arrays of the same length: target ← source. */
  readonly targets: readonly DeviceArray[];
  readonly sources: readonly DeviceArray[];
  /** [1] Nothing is written while it is 0. */
  readonly gate?: DeviceArray | undefined;
}

const shader = shaderOf([{ name: 'copy.wgsl', text }], ['write', 'read', 'read']);

/** The gate of wasm/copy.ts that is always open. */
const OPEN = 0;

export const copy: Kernel<
  CopyArguments,
  void,
  { copy(target: number, source: number, length: number, gate: number): void }
> = {
  shaders: [shader],

  check({ targets, sources, gate }, checks) {
    checks.lists({ targets, sources });
    checks.gate(gate);
  },

  webgpu({ targets, sources, gate }, call) {
    const { at } = call;
    if (!gate) {
      const pairs = targets.map((target, i) => {
        return { target: at(target), source: at(sources[i]!), bytes: 4 * target.length };
      });
      call.copy(pairs.filter(({ target, source }) => target !== source));
      return;
    }
    call.run(
      targets.map((target, i) => ({
        shader,
        parameters: [target.length],
        buffers: [at(target), at(sources[i]!), at(gate)],
        workgroups: elements(target.length),
      })),
    );
  },

  wasm({ targets, sources, gate }, call) {
    const { at, exports } = call;
    const gateAt = gate ? at(gate) : OPEN;
    elementwise(call, { writes: [targets], reads: [sources], gate }, (i, first, count) =>
      callOf(exports.copy, at(targets[i]!) + 4 * first, at(sources[i]!) + 4 * first, count, gateAt),
    );
  },
};
