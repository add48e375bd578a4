/** The map of embeddings of a report: images through the encoder of a checkpoint, laid out in two dimensions. */
import { withDataset } from '../data/dataset.ts';
import { encodeJpeg } from '../data/pictures/encode-jpeg.ts';
import { contactSheet } from '../data/pictures/tiles.ts';
import { packIntegers } from '../data/shared.ts';
import type { EncoderJob } from '../evaluate/encoder-job.ts';
import { type EmbeddingRow, embedImages } from '../evaluate/evaluate-checkpoint.ts';
import { Random, STREAMS } from '../random.ts';
import type { EmbeddingMap } from '../report/run-record.ts';

const MOST_IMAGES = 2000;
const TILE = 24;
const QUALITY = 60;
const SEED = 0;

/** Of the test split, or of the training images where there is none. @throws as embedImages does */
export async function embeddingMap(job: EncoderJob): Promise<EmbeddingMap> {
  const { data, checkpoint } = job;
  const [split, spec, length] = data.test
    ? (['test', data.test, data.testLength] as const)
    : (['training', data.train, data.trainLength] as const);
  const count = Math.min(length, MOST_IMAGES);
  const order = new Random({ seed: SEED, stream: STREAMS.sampleOrder }).permutation(length);
  const only = packIntegers(Array.from(order.subarray(0, count)).sort((a, b) => a - b));
  const some = { ...spec, only };
  const rows: EmbeddingRow[] = [];
  const alone = { ...data, train: some, trainLength: count, test: null, testLength: 0 };
  for await (const row of embedImages({ ...job, data: alone })) rows.push(row);
  // Here alone: no other command has use for it.
  const { mapLayout } = await import('../report/map-layout.ts');
  const points = mapLayout(
    rows.map(({ vector }) => vector),
    SEED,
  );
  const columns = Math.ceil(Math.sqrt(rows.length));
  const sheet = await withDataset(some, (dataset) =>
    contactSheet(rows.length, (i) => dataset.image(rows[i]!.index), columns, TILE),
  );
  return {
    title: `${rows.length} images of the ${split} split, by the backbone after step ${checkpoint.state.step}`,
    points,
    labels: data.classes.length > 0 ? rows.map(({ label }) => label ?? 0) : null,
    classes: data.classes,
    sprite: await encodeJpeg(sheet, QUALITY),
    columns,
    tile: TILE,
  };
}
