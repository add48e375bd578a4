/** torch.optim.SGD with momentum, without dampening or Nesterov. */
import text from '../../shaders/sgd.wgsl';
import { expectNumber } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
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

  wasm(args, { at, exports }) {
    const { parameters, gradients, buffers, learningRate, momentum, weightDecay, gate } = args;
    for (const [i, parameter] of parameters.entries()) {
      const arrays = [at(parameter), at(gradients[i]!), at(buffers[i]!)] as const;
      exports.sgd(...arrays, parameter.length, learningRate, momentum, weightDecay, at(gate));
    }
  },
};
