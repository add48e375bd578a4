/** The golden cases of whole training steps, method by method. */

import type { Method } from '../methods/method.ts';
import { moco } from '../methods/moco.ts';
import { simclr } from '../methods/simclr.ts';
import { supervised } from '../methods/supervised.ts';
import type { ConfigOverrides, Settings } from '../settings/settings.ts';
import { resolveConfig } from '../train/configure.ts';
import type { CaseFamily, CaseRunner, GoldenCase } from './case.ts';
import { float32, numberParam } from './tensors.ts';
import { runTraining } from './training.ts';

const resnetMoco: CaseRunner = (c, context) => {
  const settings = settingsOf(c, 'moco-cifar', 'bn_splits', mocoSettings(c));
  const rows = [settings.batchSize, settings.dim];
  return runTraining(c, context, {
    method: moco as Method,
    settings,
    images: { first: 'im_q', second: 'im_k' },
    shuffles: ['shuffle'],
    learner: 'encoder_q',
    outputs: async (trainer) => ({
      q: float32(rows, (await trainer.reported()).embedding),
      k: float32(rows, await trainer.rows('keys')),
    }),
  });
};

const mocoSymmetric: CaseRunner = (c, context) => {
  const settings = settingsOf(c, 'moco-cifar', 'groups', { ...mocoSettings(c), symmetric: true });
  return runTraining(c, context, {
    method: moco as Method,
    settings,
    images: { first: 'im_1', second: 'im_2' },
    // By the view that is the key: the second first.
    shuffles: ['shuffle_2', 'shuffle_1'],
    learner: 'encoder',
    async outputs(trainer) {
      const { loss } = await trainer.reported();
      const of = (direction: number) => {
        const losses = loss.subarray(direction * settings.batchSize, (direction + 1) * settings.batchSize);
        return losses.reduce((sum, one) => sum + one, 0) / settings.batchSize;
      };
      // The case adds both directions up, where a step tells the mean of all queries.
      return {
        loss: float32([1], [of(0) + of(1)]),
        loss_12: float32([1], [of(0)]),
        loss_21: float32([1], [of(1)]),
      };
    },
  });
};

const simclrSteps: CaseRunner = (c, context) => {
  const settings = settingsOf(c, 'simclr-cifar', 'groups', { temperature: numberParam(c, 'T') });
  const { batchSize, dim } = settings;
  return runTraining(c, context, {
    method: simclr as Method,
    settings,
    images: { first: 'im_1', second: 'im_2' },
    learner: 'encoder',
    async outputs(trainer) {
      const both = await trainer.rows('embeddings');
      const ofView = (view: number) =>
        float32([batchSize, dim], both.subarray(view * batchSize * dim, (view + 1) * batchSize * dim));
      return { z1: ofView(0), z2: ofView(1) };
    },
  });
};

const supervisedSteps: CaseRunner = (c, context) => {
  const settings = settingsOf(c, 'supervised', 'groups', {});
  return runTraining(c, context, {
    method: supervised,
    settings,
    images: { first: 'im' },
    labels: 'label',
    learner: 'encoder',
    outputs: async (trainer, { acc1 }) => ({
      logits: float32([settings.batchSize, settings.dim], await trainer.rows('logits')),
      acc1: float32([1], [acc1]),
    }),
  });
};

export const trainingFamily: CaseFamily = {
  runners: {
    resnet_moco: resnetMoco,
    moco_symmetric: mocoSymmetric,
    simclr: simclrSteps,
    supervised: supervisedSteps,
  },
};

/** @param groups the parameter that says how many there are */
function settingsOf(c: GoldenCase, preset: string, groups: string, own: ConfigOverrides): Settings {
  const isLars = c.params.optimizer === 'lars';
  const settings = resolveConfig(preset, {
    optimizer: isLars ? 'lars' : 'sgd',
    ...(isLars ? { trust: numberParam(c, 'trust'), rateInMomentum: c.params.lr_in_momentum === true } : {}),
    dim: numberParam(c, 'dim'),
    imageSize: numberParam(c, 'image'),
    batchSize: numberParam(c, 'N'),
    groups: numberParam(c, groups),
    learningRate: numberParam(c, 'lr'),
    ...own,
  });
  return {
    ...settings,
    sgdMomentum: numberParam(c, 'momentum'),
    weightDecay: numberParam(c, 'weight_decay'),
  };
}

function mocoSettings(c: GoldenCase): ConfigOverrides {
  return {
    queueSize: numberParam(c, 'K'),
    momentum: numberParam(c, 'm'),
    temperature: numberParam(c, 'T'),
  };
}
