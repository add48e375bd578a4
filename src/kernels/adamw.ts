/** Adam with decoupled weight decay: torch.optim.AdamW, without amsgrad. */
import text from '../../shaders/adamw.wgsl';
import { wholePower } from '../math.ts';
import { expectNumber, expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { elementwise } from './elementwise.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { elements, f32, shaderOf } from './shader.ts';

export interface AdamwArguments {
  /**
   * For each four arrays of the same length: m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
   * p ← p − lr·(wd·p + m̂ / (√v̂ + ε)), with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).
   */
  readonly parameters: readonly DeviceArray[];
  /** Below 1e19: squares of larger ones overflow. */
  readonly gradients: readonly DeviceArray[];
  /** m and v: zero before the first step. */
  readonly means: readonly DeviceArray[];
  readonly squares: readonly DeviceArray[];
  /** lr and wd: finite, 0 or more. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** β₁, β₂: at least 0 and below 1. */
  readonly beta1: number;
  readonly beta2: number;
  /** ε: 1e-30 or more, so that 0 / (0 + ε) is 0 on every device. */
  readonly epsilon: number;
  /** t: which step of these arrays this is, from 1. */
  readonly step: number;
  /** [1] Nothing is written while it is 0. */
  readonly gate: DeviceArray;
}

/** What is the same for all parameters of a call. */
export type AdamwOptions = Pick<
  AdamwArguments,
  'learningRate' | 'weightDecay' | 'beta1' | 'beta2' | 'epsilon' | 'step'
>;

const LEAST_EPSILON = 1e-30;

const shader = shaderOf([{ name: 'adamw.wgsl', text }], ['write', 'write', 'write', 'read', 'read']);

/** What does not depend on the element, in float64: p ← p − (decay·p + rate·m / (√v·root + ε)). */
export function adamwFactors({ learningRate, weightDecay, beta1, beta2, step }: AdamwOptions) {
  return {
    decay: learningRate * weightDecay,
    rate: learningRate / (1 - wholePower(beta1, step)),
    root: 1 / Math.sqrt(1 - wholePower(beta2, step)),
  };
}

export const adamw: Kernel<
  AdamwArguments,
  void,
  {
    adamw(
      parameter: number,
      gradient: number,
      mean: number,
      square: number,
      length: number,
      decay: number,
      beta1: number,
      beta2: number,
      rate: number,
      root: number,
      epsilon: number,
      gate: number,
    ): void;
  }
> = {
  shaders: [shader],

  check(args, checks) {
    const { parameters, gradients, means, squares, gate, ...options } = args;
    for (const name of ['learningRate', 'weightDecay'] as const) {
      expectNumber(name, options[name], options[name] >= 0, 'at least 0');
    }
    for (const name of ['beta1', 'beta2'] as const) {
      expectNumber(name, options[name], options[name] >= 0 && options[name] < 1, 'from 0 to below 1');
    }
    expectNumber('epsilon', options.epsilon, options.epsilon >= LEAST_EPSILON, `at least ${LEAST_EPSILON}`);
    expectWhole('step', options.step, 1);
    checks.lists({ parameters, gradients, means, squares });
    checks.gate(gate);
  },

  webgpu(args, { at, run }) {
    const { parameters, gradients, means, squares, beta1, beta2, epsilon, gate } = args;
    const { decay, rate, root } = adamwFactors(args);
    const factors = [decay, beta1, 1 - beta1, beta2, 1 - beta2, rate, root, epsilon].map(f32);
    run(
      parameters.map((parameter, i) => ({
        shader,
        parameters: [parameter.length, ...factors],
        buffers: [at(parameter), at(means[i]!), at(squares[i]!), at(gradients[i]!), at(gate)],
        workgroups: elements(parameter.length),
      })),
    );
  },

  wasm(args, call) {
    const { parameters, gradients, means, squares, beta1, beta2, epsilon, gate } = args;
    const { decay, rate, root } = adamwFactors(args);
    const gateAt = call.at(gate);
    const arrays = { writes: [parameters, means, squares], reads: [gradients], gate };
    elementwise(call, arrays, (i, first, count) => {
      const [p, g, m, v] = [parameters, gradients, means, squares].map(
        (list) => call.at(list[i]!) + 4 * first,
      );
      const factors = [decay, beta1, beta2, rate, root, epsilon] as const;
      return callOf(call.exports.adamw, p!, g!, m!, v!, count, ...factors, gateAt);
    });
  },
};
