/** SimCLR in the trainer. What PyTorch makes of its steps is among the golden cases. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Method } from '../../src/methods/method.ts';
import { simclr } from '../../src/methods/simclr.ts';
import type { Optimizer } from '../../src/optimizers/optimizer.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import type { GroupEncoders } from '../../src/scheduler/group-encoders.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { WORKERS_ON } from '../backend.ts';
import { onEveryBackend } from '../kernels/backends.ts';
import { BATCH, expectSameState, GROUPS, input, SIZE, SPEC } from './tiny.ts';

const VIEWS = 2;

onEveryBackend(({ kernels }) => {
  describe('SimCLR', () => {
    const open = (together: number): Promise<GroupEncoders> =>
      startEncoders(
        kernels,
        { spec: SPEC, groupSize: (VIEWS * BATCH) / GROUPS, imageSize: SIZE },
        { backend: kernels.backend === 'webgpu' ? 'webgpu' : WORKERS_ON, workers: 2, together },
      );
    const train = async (encoders: GroupEncoders, gradientCache: boolean) => {
      const settings = {
        ...resolveConfig('simclr-cifar', { gradientCache, optimizer: 'sgd', dim: SPEC.dim }),
        ...{ imageSize: SIZE, batchSize: BATCH, groups: GROUPS, seed: 11 },
      };
      const trainer = await Trainer.create({
        ...{ settings, method: simclr as Method, optimizer: sgd as Optimizer },
        ...{ spec: SPEC, saved: null, kernels, encoders },
      });
      const losses: number[] = [];
      for (const step of [1, 2]) losses.push((await (await trainer.step(input(step))).result).loss);
      const state = await trainer.state();
      trainer.dispose();
      return { losses, state };
    };
    let one: GroupEncoders;
    let all: GroupEncoders;
    beforeAll(async () => {
      one = await open(1);
      all = await open(GROUPS);
    });
    afterAll(async () => {
      await one?.dispose();
      await all?.dispose();
    });

    it('has the same results with and without the gradient cache', async () => {
      const cached = await train(one, true);
      const kept = await train(all, false);
      console.log(`losses ${cached.losses.join(' ')}`);
      // ln(2N − 1) is the chance level.
      expect(Math.abs(cached.losses[0]! - Math.log(VIEWS * BATCH - 1))).toBeLessThan(1);
      expect(kept.losses).toEqual(cached.losses);
      expectSameState(kept.state, cached.state);
    });

    it('ends with the error of a group where the activations of all are kept', async () => {
      const settings = { ...resolveConfig('simclr-cifar', { gradientCache: false, optimizer: 'sgd' }) };
      const trainer = await Trainer.create({
        settings: { ...settings, dim: SPEC.dim, imageSize: SIZE, batchSize: BATCH, groups: GROUPS },
        ...{ method: simclr as Method, optimizer: sgd as Optimizer },
        ...{ spec: SPEC, saved: null, kernels, encoders: all },
      });
      let made = 0;
      const views = async () => {
        if (++made > 2) throw new Error('no image');
        return { images: new Float32Array((BATCH / GROUPS) * 3 * SIZE * SIZE), labels: null };
      };
      await expect(trainer.step({ ...input(1), views })).rejects.toThrow('no image');
      // The same encoders go on.
      const { result } = await trainer.step(input(1));
      expect(Number.isFinite((await result).loss)).toBe(true);
      trainer.dispose();
    });
  });
});
