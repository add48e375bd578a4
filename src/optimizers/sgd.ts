import type { OwnSettings, Settings } from '../settings/settings.ts';
import { byRule } from './by-rule.ts';
import type { Optimizer } from './optimizer.ts';

/** torch.optim.SGD with momentum: d = g + wd·p; v ← μ·v + d; p ← p − lr·v. MoCo decays every parameter alike. */
export const sgd: Optimizer<Settings & OwnSettings<'optimizer', 'sgd'>> = {
  slots: ['momentum'],

  rule: () => ({ decay: true, adapt: false, rate: 1 }),

  update(device, parameters, { settings, learningRate, gate }) {
    for (const alike of byRule(parameters)) {
      const { decay, rate } = alike[0]!.rule;
      device.sgd({
        parameters: alike.map(({ value }) => value),
        gradients: alike.map(({ gradient }) => gradient),
        buffers: alike.map(({ slots }) => slots.momentum!),
        learningRate: learningRate * rate,
        momentum: settings.sgdMomentum,
        weightDecay: decay ? settings.weightDecay : 0,
        gate,
      });
    }
  },
};
