import type { OwnSettings, Settings } from '../settings/settings.ts';
import { byRule } from './by-rule.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * torch.optim.AdamW (Loshchilov, Hutter 2019, arXiv:1711.05101; Adam: arXiv:1412.6980), which decays every parameter alike:
 * m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; p ← p − lr·(wd·p + m̂ / (√v̂ + ε)), with m̂ and v̂ corrected for having begun at 0.
 */
export const adamw: Optimizer<Settings & OwnSettings<'optimizer', 'adamw'>> = {
  slots: ['exp_avg', 'exp_avg_sq'],

  rule: () => ({ decay: true, adapt: false, rate: 1 }),

  update(device, parameters, { settings, learningRate, updates, gate }) {
    const { beta1, beta2, epsilon } = settings;
    for (const alike of byRule(parameters)) {
      const { decay, rate } = alike[0]!.rule;
      device.adamw({
        parameters: alike.map(({ value }) => value),
        gradients: alike.map(({ gradient }) => gradient),
        means: alike.map(({ slots }) => slots.exp_avg!),
        squares: alike.map(({ slots }) => slots.exp_avg_sq!),
        learningRate: learningRate * rate,
        weightDecay: decay ? settings.weightDecay : 0,
        ...{ beta1, beta2, epsilon, step: updates + 1 },
        gate,
      });
    }
  },
};
