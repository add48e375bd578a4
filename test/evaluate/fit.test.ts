import { describe, expect, it } from 'vitest';
import { EpochFit, fitOrder, fitRate, PROTOCOL, stableRate } from '../../src/evaluate/fit.ts';
import { LinearClassifier } from '../../src/evaluate/linear-classifier.ts';
import { meanSquare } from '../../src/evaluate/metrics.ts';
import { expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const data = {
  features: normals(50 * 6, generator(1)),
  labels: Int32Array.from({ length: 50 }, (_, i) => i % 4),
};

describe('epochs of a linear classifier', () => {
  it('the rate falls at 60 and at 80 of 100 epochs', () => {
    const rates = [0, 59, 60, 79, 80, 99].map((epoch) => fitRate(PROTOCOL, epoch));
    expect(rates).toEqual([30, 30, 3, 3, 0.3, 0.3].map((rate) => expect.closeTo(rate, 12)));
  });

  it('settles at the stable rate, whatever the size of the features, and not at one far above it', () => {
    for (const scale of [0.01, 1, 300]) {
      const features = data.features.map((value) => scale * value);
      const lossAfter = (factor: number) => {
        const classifier = LinearClassifier.random(4, 6, 0);
        const learningRate = factor * stableRate(meanSquare(features, 6));
        // All rows a step: the descent itself, without the noise of batches.
        const settings = { ...PROTOCOL, batchSize: 50, epochs: 200, learningRate };
        for (let epoch = 0; epoch < 60; epoch++) {
          new EpochFit().take(
            classifier,
            { ...data, features },
            fitOrder(settings, epoch, 50),
            settings,
            epoch,
          );
        }
        return classifier.measure({ ...data, features }).loss;
      };
      expect(lossAfter(1), `scale ${scale}`).toBeLessThan(Math.log(4));
      if (scale >= 1) expect(lossAfter(100), `scale ${scale}`).toBeGreaterThan(Math.log(4));
    }
    // 2·1.9 / (½·(9 + 1))
    expect(stableRate(9)).toBeCloseTo(0.76, 12);
  });

  it('each epoch has an order of its own, by the seed, of every image once', () => {
    const orders = [0, 1].map((epoch) => fitOrder(PROTOCOL, epoch, 50));
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual([...data.labels.keys()]);
    expect(orders[0]).not.toEqual(orders[1]);
    expect(fitOrder({ ...PROTOCOL, seed: 1 }, 0, 50)).not.toEqual(orders[0]);
  });

  it.each([16, 50, 64])('batches of %i: the last takes what is left, and none is left out', (batchSize) => {
    const settings = { ...PROTOCOL, batchSize, learningRate: 0.1 };
    const order = fitOrder(settings, 0, 50);
    const [whole, byHand] = [LinearClassifier.random(4, 6, 0), LinearClassifier.random(4, 6, 0)];
    const fit = new EpochFit();
    fit.take(whole, data, order, settings, 0);
    const rule = { learningRate: 0.1, momentum: 0.9 };
    let [loss, right] = [0, 0];
    for (let start = 0; start < 50; start += batchSize) {
      const batch = order.slice(start, start + batchSize);
      const step = byHand.step(data, batch, rule);
      loss += (step.loss * batch.length) / 50;
      right += (step.top1 * batch.length) / 100;
    }
    expectSameBits('weights', whole.weights, byHand.weights);
    expect(fit.mean.loss).toBeCloseTo(loss, 12);
    expect((fit.mean.top1 * 50) / 100).toBeCloseTo(Math.round(right), 9);
  });
});
