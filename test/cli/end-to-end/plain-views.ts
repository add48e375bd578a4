import { describeDataset } from '../../../src/data/dataset.ts';
import { ViewLoader } from '../../../src/data/load/loader.ts';

/** The first training images as an evaluation sees them: [count, 3, size, size], normalized as the moco-v2 preset says. */
export async function plainViews(path: string, count: number, size: number): Promise<Float32Array> {
  const { train } = await describeDataset(path, 'auto');
  const loader = await ViewLoader.open(train, 'v2', size, 0);
  try {
    return (await loader.plain(Array.from({ length: count }, (_, i) => i))).images;
  } finally {
    loader.close();
  }
}
