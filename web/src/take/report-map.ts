/** The map of the photos as the report has it: where each lies, and small pictures of all. */
import type { Embedded } from '../embeddings.ts';
import { FEWEST_ON_MAP, layOutMap } from '../look/lay-out.ts';
import type { EmbeddingMap } from '../moco-web.ts';
import type { ChosenPhotos } from '../photos.ts';

/** As in the reports of the command: the file stays small. */
const MOST_PHOTOS = 2000;
const TILE = 24;
const QUALITY = 0.6;

/** Null for too few photos. */
export async function reportMap(
  photos: ChosenPhotos,
  { images, labels, classes, after }: Embedded,
  tell: (words: string) => void,
): Promise<EmbeddingMap | null> {
  if (images.length < FEWEST_ON_MAP) return null;
  tell('Finding the neighbors of every photo…');
  const layout = layOutMap(await after.neighbors(), ({ done }) =>
    tell(`Laying the map out: ${Math.round(100 * done)} %`),
  );
  const all = await layout.points;
  // Spread evenly over the photos, as they are in the order of their folders.
  const count = Math.min(images.length, MOST_PHOTOS);
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * images.length) / count));
  const columns = Math.ceil(Math.sqrt(count));
  const canvas = new OffscreenCanvas(columns * TILE, Math.ceil(count / columns) * TILE);
  const context = canvas.getContext('2d')!;
  for (const [i, row] of rows.entries()) {
    const [x, y] = [(i % columns) * TILE, Math.floor(i / columns) * TILE];
    context.drawImage(await photos.thumbnail(images[row]!), x, y, TILE, TILE);
  }
  const jpeg = await canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
  return {
    title: `${count.toLocaleString('en-US')} photos, ${after.title}`,
    points: Float32Array.from(rows.flatMap((row) => [all[2 * row]!, all[2 * row + 1]!])),
    labels: labels && rows.map((row) => labels[row]!),
    classes,
    sprite: new Uint8Array(await jpeg.arrayBuffer()),
    columns,
    tile: TILE,
  };
}
