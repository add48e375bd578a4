import { writeFile } from 'node:fs/promises';
import { type DatasetDescription, withDataset } from '../data/dataset.ts';
import { type Neighbor, neighborSheet } from '../data/pictures/preview.ts';
import type { Dataset } from '../data/sources/source.ts';
import type { NeighborsEvent } from '../train/events.ts';

/** In a run directory. */
export const PICTURE = 'neighbors.png';

/**
 * Draws query images with their nearest neighbors before and after training as a PNG file.
 * @param before, after neighbors of the same queries
 */
export async function writeNeighborPicture(
  path: string,
  data: DatasetDescription,
  before: NeighborsEvent,
  after: NeighborsEvent,
): Promise<void> {
  await withDataset(data.train, async (train) => {
    const draw = async (queries: Dataset): Promise<void> => {
      const rows = [];
      for (const [row, query] of after.queries.entries()) {
        const label = queries.labels?.[query] ?? null;
        rows.push({
          query: await queries.image(query),
          before: await neighborsOf(train, before.neighbors[row] ?? [], label),
          after: await neighborsOf(train, after.neighbors[row] ?? [], label),
        });
      }
      const colors = train.labels ? ', green same class, red another' : '';
      const captions = {
        query: 'query',
        before: before.epoch === 0 ? 'nearest before training' : `nearest after ${epochs(before.epoch)}`,
        after: `after ${epochs(after.epoch)}${colors}`,
      };
      await writeFile(path, await neighborSheet(rows, captions));
    };
    // Without a test split the queries are training images.
    await (data.test ? withDataset(data.test, draw) : draw(train));
  });
}

const epochs = (count: number): string => `${count} epoch${count === 1 ? '' : 's'}`;

async function neighborsOf(
  train: Dataset,
  indices: readonly number[],
  label: number | null,
): Promise<Neighbor[]> {
  return Promise.all(
    indices.map(async (index) => ({
      image: await train.image(index),
      sameClass: label === null || !train.labels ? null : train.labels[index] === label,
    })),
  );
}
