/** torch.optim.SGD with momentum, without dampening or Nesterov. */
import text from '../../shaders/sgd.wgsl';
import { expectNumber } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, f32, shaderOf } from './shader.ts';

export interface SgdArguments {
  /** For each triple of arrays of the same length: d = g + wd·p; buffer ← μ·buffer + d; p ← p − lr·buffer. */
  readonly parameters: readonly DeviceArray[];
  readonly gradients: readonly DeviceArray[];
  /** Zero before the first step. */
  readonly buffers: readonly DeviceArray[];
  /** lr, μ and wd: finite, 0 or more. */
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** [1] Nothing is written while it is 0. */
  readonly gate: DeviceArray;
}

/** What is the same for all parameters of a call. */
export type SgdOptions = Pick<SgdArguments, 'learningRate' | 'momentum' | 'weightDecay'>;

const shader = shaderOf([{ name: 'sgd.wgsl', text }], ['write', 'write', 'read', 'read']);

export const sgd: Kernel<
  SgdArguments,
  void,
  {
    sgd(
      parameter: number,
      gradient: number,
      buffer: number,
      length: number,
      learningRate: number,
      momentum: number,
      weightDecay: number,
      gate: number,
    ): void;
  }
> = {
  shaders: [shader],

  check({ parameters, gradients, buffers, learningRate, momentum, weightDecay, gate }, checks) {
    for (const [name, value] of Object.entries({ learningRate, momentum, weightDecay })) {
      expectNumber(name, value, value >= 0, 'at least 0');
    }
    checks.lists({ parameters, gradients, buffers });
    checks.gate(gate);
  },

  webgpu(args, { at, run }) {
    const { parameters, gradients, buffers, learningRate, momentum, weightDecay, gate } = args;
    run(
      parameters.map((parameter, i) => ({
        shader,
        parameters: [parameter.length, f32(learningRate), f32(momentum), f32(weightDecay)],
        buffers: [at(parameter), at(buffers[i]!), at(gradients[i]!), at(gate)],
        workgroups: elements(parameter.length),
      })),
    );
  },

  wasm(args, call) {
    const { parameters, gradients, buffers, learningRate, momentum, weightDecay, gate } = args;
    const from = (array: DeviceArray, first: number) => call.at(array) + 4 * first;
    const gateAt = call.at(gate);
    elementwise(call, { writes: [parameters, buffers], reads: [gradients], gate }, (i, first, count) => {
      const triple = [
        from(parameters[i]!, first),
        from(gradients[i]!, first),
        from(buffers[i]!, first),
      ] as const;
      return callOf(call.exports.sgd, ...triple, count, learningRate, momentum, weightDecay, gateAt);
    });
  },
};
