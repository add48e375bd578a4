/** Golden cases of optimizers (sgd_*, lars*, adamw*): some steps of a few tensors, by the optimizer that a run would use. */
import { MocoError } from '../errors.ts';
import type { OptimizedParameter } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { resolveConfig } from '../train/configure.ts';
import type { CaseFamily, CaseRunner, GoldenCase } from './case.ts';
import { type Outputs, withArrays } from './kernels.ts';
import { float32, floatInput, namesAfter, numberListParam, numberParam } from './tensors.ts';

export const optimizerFamily: CaseFamily = {
  runners: {
    sgd: runnerOf('sgd', { momentum: 'buf' }, (c) => {
      if (c.params.nesterov === true) {
        throw new MocoError(
          'usage',
          `golden case ${c.name} asks for Nesterov momentum, which MoCo does not use`,
        );
      }
      return { sgdMomentum: numberParam(c, 'momentum') };
    }),
    lars: runnerOf('lars', { momentum: 'mu' }, (c) => ({
      sgdMomentum: numberParam(c, 'momentum'),
      trust: numberParam(c, 'trust'),
      rateInMomentum: c.params.lr_in_momentum === true,
    })),
    adamw: runnerOf('adamw', { exp_avg: 'exp_avg', exp_avg_sq: 'exp_avg_sq' }, (c) => {
      const [beta1 = Number.NaN, beta2 = Number.NaN] = numberListParam(c, 'betas');
      return { beta1, beta2, epsilon: numberParam(c, 'eps') };
    }),
  },
};

/**
 * p.0.* and grad.<step>.* in; p.<step>.* and what the optimizer keeps of each out, from step 1.
 * @param slots what the case calls what the optimizer keeps
 * @param own the optimizer's own settings
 */
function runnerOf(
  optimizer: string,
  slots: Readonly<Record<string, string>>,
  own: (goldenCase: GoldenCase) => ConfigOverrides,
): CaseRunner {
  return withArrays(async (goldenCase, arrays): Promise<Outputs> => {
    const { rule, update } = optimizerNamed(optimizer);
    const weightDecay = numberParam(goldenCase, 'weight_decay');
    const settings = resolveConfig('moco-cifar', { optimizer, weightDecay, ...own(goldenCase) });
    const { kernels } = arrays;
    const gate = arrays.from(Float32Array.of(1));
    const kept = namesAfter(goldenCase, 'p.0.').map((name) => {
      const { shape, data } = floatInput(goldenCase, `p.0.${name}`);
      const empty = Object.keys(slots).map((slot) => [slot, arrays.take(data.length)] as const);
      const parameter = {
        rule: rule({ name, shape }),
        value: arrays.from(data),
        slots: Object.fromEntries(empty),
      };
      return { name, shape, parameter };
    });
    const outputs: Outputs = new Map();
    for (const [updates, learningRate] of numberListParam(goldenCase, 'lr').entries()) {
      const step = updates + 1;
      const parameters = kept.map(({ name, parameter }): OptimizedParameter => {
        const gradient = arrays.from(floatInput(goldenCase, `grad.${step}.${name}`).data);
        return { ...parameter, gradient };
      });
      update(kernels, parameters, { settings, learningRate, updates, gate });
      for (const { name, shape, parameter } of kept) {
        outputs.set(`p.${step}.${name}`, float32(shape, await kernels.read(parameter.value)));
        for (const [slot, recorded] of Object.entries(slots)) {
          const values = await kernels.read(parameter.slots[slot]!);
          outputs.set(`${recorded}.${step}.${name}`, float32(shape, values));
        }
      }
    }
    return outputs;
  });
}
