import type { OwnSettings, Settings } from '../settings/settings.ts';
import { byRule } from './by-rule.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * LARS: You, Gitman, Ginsburg 2017, arXiv:1708.03888, as SimCLR trains with it (arXiv:2002.05709, 2.1; `LARSOptimizer` of
 * google-research/simclr) and, with `rateInMomentum` off, as `moco.optimizer.LARS` of facebookresearch/moco-v3 does in PyTorch,
 * which has none of its own. Biases and BatchNorm, tensors of one axis, are neither decayed nor adapted:
 * d = g + wd·p; d ← d·trust·‖p‖/‖d‖; v ← μ·v + lr·d; p ← p − v, or v ← μ·v + d; p ← p − lr·v.
 */
export const lars: Optimizer<Settings & OwnSettings<'optimizer', 'lars'>> = {
  slots: ['momentum'],

  rule: ({ shape }) => ({ decay: shape.length > 1, adapt: shape.length > 1, rate: 1 }),

  update(device, parameters, { settings, learningRate, gate }) {
    for (const alike of byRule(parameters)) {
      const { decay, adapt, rate } = alike[0]!.rule;
      device.lars({
        parameters: alike.map(({ value }) => value),
        gradients: alike.map(({ gradient }) => gradient),
        buffers: alike.map(({ slots }) => slots.momentum!),
        learningRate: learningRate * rate,
        momentum: settings.sgdMomentum,
        weightDecay: decay ? settings.weightDecay : 0,
        trust: adapt ? settings.trust : null,
        rateInMomentum: settings.rateInMomentum,
        gate,
      });
    }
  },
};
