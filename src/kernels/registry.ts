/** All kernels, by the names of their files. A new one is a file here, one in shaders/, one in wasm/, and a line. */
import { MocoError, messageOf } from '../errors.ts';
import { accumulate } from './accumulate.ts';
import { adamw } from './adamw.ts';
import { add } from './add.ts';
import { batchNorm } from './batch-norm.ts';
import { batchNormBackward } from './batch-norm-backward.ts';
import type { Checks } from './checks.ts';
import { convInputGradient } from './conv-input-gradient.ts';
import { convWeightGradient } from './conv-weight-gradient.ts';
import { convolution } from './convolution.ts';
import { copy } from './copy.ts';
import { crossEntropy } from './cross-entropy.ts';
import { ema } from './ema.ts';
import { enqueue } from './enqueue.ts';
import { finite } from './finite.ts';
import { gatherRows } from './gather-rows.ts';
import { infonce } from './infonce.ts';
import type { Kernel } from './kernel.ts';
import { l2norm } from './l2norm.ts';
import { l2normBackward } from './l2norm-backward.ts';
import { lars } from './lars.ts';
import { ntxent } from './ntxent.ts';
import { relu } from './relu.ts';
import { reluBackward } from './relu-backward.ts';
import { scatterRows } from './scatter-rows.ts';
import { sgd } from './sgd.ts';
import type { Shader, ShaderFile } from './shader.ts';
import { summary } from './summary.ts';
import { topk } from './topk.ts';

export const KERNELS = {
  accumulate,
  adamw,
  add,
  batchNorm,
  batchNormBackward,
  convInputGradient,
  convWeightGradient,
  convolution,
  copy,
  crossEntropy,
  ema,
  enqueue,
  finite,
  gatherRows,
  infonce,
  l2norm,
  l2normBackward,
  lars,
  ntxent,
  relu,
  reluBackward,
  scatterRows,
  sgd,
  summary,
  topk,
} as const;

export type KernelName = keyof typeof KERNELS;

/** Any of them, for what treats all alike. */
export type AnyKernel = Kernel<never, unknown, never>;

/** A kernel as a function of its arguments: it is checked, and issued. */
type Call<K> = K extends Kernel<infer Arguments, infer Result, infer _> ? (args: Arguments) => Result : never;

export type KernelCalls = { readonly [Name in KernelName]: Call<(typeof KERNELS)[Name]> };

/** Every kernel as a call of `run`, once what it is given is checked. */
export function kernelCalls(checks: Checks, run: (kernel: AnyKernel, args: never) => unknown): KernelCalls {
  const calls = Object.entries(KERNELS).map(([name, kernel]: [string, AnyKernel]) => {
    const call = (args: never) => {
      check(name, kernel, args, checks);
      return run(kernel, args);
    };
    return [name, kernel.waits ? async (args: never) => call(args) : call];
  });
  return Object.fromEntries(calls);
}

/** A check reads what it is given, and does nothing else: a TypeError in it tells of an argument that is not there. */
function check(name: string, kernel: AnyKernel, args: never, checks: Checks): void {
  try {
    kernel.check(args, checks);
  } catch (cause) {
    if (cause instanceof MocoError) throw cause;
    const message = `${name}: an argument is missing or of another kind (${messageOf(cause)}): give what its type names`;
    throw new MocoError('usage', message, { cause });
  }
}

export const SHADERS: readonly Shader[] = Object.values(KERNELS).flatMap((kernel) => kernel.shaders);

const withVariant = (file: ShaderFile): ShaderFile[] =>
  file.withSubgroups ? [file, file.withSubgroups] : [file];

/** Names of the files of shaders/. */
export const SHADER_FILES: readonly string[] = [
  ...new Set(SHADERS.flatMap(({ files }) => files.flatMap(withVariant)).map(({ name }) => name)),
].sort();
