/**
 * Exponential moving averages, of which a step has two: the momentum update of the key encoder, MoCo eq. (2), with
 * keep = m and scale = 1 − m; and BatchNorm's running statistics, with keep = 0.9 and a scale for each array.
 */
import text from '../../shaders/ema.wgsl';
import { expectNumber, expectSameCount } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, f32, shaderOf } from './shader.ts';

export interface EmaArguments {
  /** For each pair of arrays of the same length: target ← keep·target + scale·source. */
  readonly targets: readonly DeviceArray[];
  readonly sources: readonly DeviceArray[];
  /** Finite. */
  readonly keep: number;
  /** Finite; one for all pairs, or one for each. */
  readonly scale: number | readonly number[];
  /** [1] Nothing is written while it is 0. */
  readonly gate?: DeviceArray | undefined;
}

const shader = shaderOf([{ name: 'ema.wgsl', text }], ['write', 'read', 'read']);

/** The gate of wasm/ema.ts that is always open. */
const OPEN = 0;

export const ema: Kernel<
  EmaArguments,
  void,
  { ema(target: number, source: number, length: number, keep: number, scale: number, gate: number): void }
> = {
  shaders: [shader],

  check({ targets, sources, keep, scale, gate }, checks) {
    expectNumber('keep', keep, true, 'finite');
    const scales = typeof scale === 'number' ? [scale] : scale;
    if (typeof scale !== 'number') expectSameCount('targets and scale', [targets.length, scale.length]);
    for (const value of scales) expectNumber('scale', value, true, 'finite');
    checks.lists({ targets, sources });
    checks.gate(gate);
  },

  webgpu({ targets, sources, keep, scale, gate }, { at, run, openGate }) {
    const gateBuffer = gate ? at(gate) : openGate;
    run(
      targets.map((target, i) => ({
        shader,
        parameters: [target.length, f32(keep), f32(scaleOf(scale, i))],
        buffers: [at(target), at(sources[i]!), gateBuffer],
        workgroups: elements(target.length),
      })),
    );
  },

  wasm({ targets, sources, keep, scale, gate }, call) {
    const { at, exports } = call;
    const gateAt = gate ? at(gate) : OPEN;
    elementwise(call, { writes: [targets], reads: [sources], gate }, (i, first, count) => {
      const arrays = [at(targets[i]!) + 4 * first, at(sources[i]!) + 4 * first] as const;
      return callOf(exports.ema, ...arrays, count, keep, scaleOf(scale, i), gateAt);
    });
  },
};

function scaleOf(scale: EmaArguments['scale'], pair: number): number {
  return typeof scale === 'number' ? scale : scale[pair]!;
}
