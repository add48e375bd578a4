/** The run as one HTML file: the report of the package, with neighbors before and after and a map of the photos. */
import type { App } from '../app.ts';
import type { Embedded, Side } from '../embeddings.ts';
import { library, type PretrainEvent, type ReportRun } from '../moco-web.ts';
import type { ChosenPhotos } from '../photos.ts';
import type { Run } from '../run.ts';
import type { Training } from '../training.ts';
import { reportMap } from './report-map.ts';

const QUERIES = 8;
const NEIGHBORS = 6;
const TILE = 48;
const GAP = 12;

/** @returns the text of the file */
export async function reportOf(
  { photos, run }: App,
  embedded: Embedded,
  tell: (words: string) => void,
): Promise<string> {
  const { reportPage } = await library();
  const { about } = run as Training;
  if (!photos || !run || !about) throw new Error('The run has told nothing yet: let it take a step.');
  const { data } = photos;
  const record: ReportRun = {
    name: photos.title,
    events: inOrder(about, run.steps, run.measurements),
    data: { kind: data.kind, path: null, images: data.trainLength, classes: data.classes },
    neighbors: await neighborPicture(photos, embedded),
    map: await reportMap(photos, embedded, tell),
  };
  return reportPage([record]);
}

/** As they were told: what is measured after an epoch follows its last step. */
function inOrder(
  about: NonNullable<Training['about']>,
  steps: Run['steps'],
  measurements: readonly PretrainEvent[],
): PretrainEvent[] {
  const epochOf = (event: PretrainEvent) => ('epoch' in event ? event.epoch : Number.POSITIVE_INFINITY);
  const events: PretrainEvent[] = [about];
  let next = 0;
  for (const step of steps) {
    while (next < measurements.length && epochOf(measurements[next]!) <= step.epoch) {
      events.push(measurements[next++]!);
    }
    events.push(step);
  }
  return [...events, ...measurements.slice(next)];
}

/** In each row a photo, its nearest before, a gap, and after. JPEG; null where there is no before. */
async function neighborPicture(photos: ChosenPhotos, embedded: Embedded): Promise<Uint8Array | null> {
  const { before, after, images } = embedded;
  if (!before) return null;
  const count = Math.min(QUERIES, images.length);
  const canvas = new OffscreenCanvas(TILE * (1 + 2 * NEIGHBORS) + 2 * GAP, TILE * count);
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  const draw = async (row: number, x: number, y: number) => {
    context.drawImage(await photos.thumbnail(images[row]!), x, y, TILE, TILE);
    const { labels } = embedded;
    return labels ? labels[row] : null;
  };
  for (let line = 0; line < count; line++) {
    const query = Math.floor((line * images.length) / count);
    const y = line * TILE;
    const own = await draw(query, 0, y);
    for (const [half, side] of [before, after].entries()) {
      const left = TILE + GAP + half * (NEIGHBORS * TILE + GAP);
      for (const [place, row] of (await nearest(side, query)).entries()) {
        const label = await draw(row, left + place * TILE, y);
        if (label === null || own === null) continue;
        // As in the pictures of the command.
        context.strokeStyle = label === own ? '#1a9641' : '#d7191c';
        context.lineWidth = 2;
        context.strokeRect(left + place * TILE + 1, y + 1, TILE - 2, TILE - 2);
      }
    }
  }
  const jpeg = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
  return new Uint8Array(await jpeg.arrayBuffer());
}

async function nearest({ index, rows }: Side, query: number): Promise<number[]> {
  const matches = await index.search(rows[query]!, NEIGHBORS + 1);
  return matches
    .map(({ index: row }) => row)
    .filter((row) => row !== query)
    .slice(0, NEIGHBORS);
}
