/** What an optimizer is: what it keeps for each parameter, and how it changes parameters by their gradients. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Settings } from '../settings/settings.ts';

/** How a parameter is treated. */
export interface ParameterRule {
  /** Whether weight decay applies. */
  readonly decay: boolean;
  /** Whether its rate adapts to its norm (LARS). */
  readonly adapt: boolean;
  /** Factor of the learning rate. */
  readonly rate: number;
}

export interface OptimizedParameter {
  readonly rule: ParameterRule;
  readonly value: DeviceArray;
  readonly gradient: DeviceArray;
  /** By name; as long as the parameter, zero before the first step. */
  readonly slots: Readonly<Record<string, DeviceArray>>;
}

export interface OptimizerStep<S extends Settings = Settings> {
  readonly settings: S;
  readonly learningRate: number;
  /** Steps that this optimizer has taken before. */
  readonly updates: number;
  /** Nothing changes while it is closed. */
  readonly gate: DeviceArray;
}

/** @typeParam S the settings that it needs: all, and those that it has of its own */
export interface Optimizer<S extends Settings = Settings> {
  /** What it keeps for each parameter: the prefixes of these tensors in a checkpoint. */
  readonly slots: readonly string[];
  rule(parameter: { readonly name: string; readonly shape: readonly number[] }): ParameterRule;
  update(device: Kernels, parameters: readonly OptimizedParameter[], step: OptimizerStep<S>): void;
}
