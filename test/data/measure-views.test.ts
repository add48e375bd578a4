import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeDataset } from '../../src/data/dataset.ts';
import { measureViews } from '../../src/data/load/measure-views.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

it('times drawn images, of the size of small views', async () => {
  const costs = await measureViews('v2', 16, null);
  expect(costs.images).toBe('drawn images of 16×16 pixels as PNG');
  expect(costs.decodeMicroseconds).toBeGreaterThan(0);
  expect(costs.viewMicroseconds).toBeGreaterThan(0);
  // A large view of the same recipe takes longer.
  const { images, viewMicroseconds } = await measureViews('v2', 128, null);
  expect(images).toBe('drawn images of 432×432 pixels as PNG');
  expect(viewMicroseconds).toBeGreaterThan(costs.viewMicroseconds);
});

it('times images of the data, JPEG files here', async () => {
  const { train, trainLength } = await describeDataset(at('./images'));
  const costs = await measureViews('v1', 32, train);
  expect(costs.images).toBe(`${trainLength} of ${trainLength} images`);
  expect(costs.decodeMicroseconds).toBeGreaterThan(0);
  expect(costs.viewMicroseconds).toBeGreaterThan(0);
});

it('refuses a recipe that there is none of', async () => {
  await expect(measureViews('v9', 32, null)).rejects.toMatchObject({ code: 'usage' });
});
