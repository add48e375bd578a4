/** The nearest of every photo: what the agreement of folders, the map and the odd ones out are made of. */
import type { Index } from '../moco-web.ts';

export interface Neighbors {
  /** Of each row. */
  readonly k: number;
  /** [rows, k], nearest first, without the row itself. */
  readonly rows: Int32Array;
  /** [rows, k], cosines. */
  readonly similarities: Float32Array;
}

const NEAREST = 20;
/** The index answers one at a time; so many wait for it, that it never waits for the page. */
const AHEAD = 8;

export async function neighborsOfAll(index: Index, rows: readonly Float32Array[]): Promise<Neighbors> {
  const k = Math.min(NEAREST, rows.length - 1);
  const found = new Int32Array(rows.length * k);
  const similarities = new Float32Array(rows.length * k);
  for (let first = 0; first < rows.length; first += AHEAD) {
    const some = rows.slice(first, first + AHEAD);
    await Promise.all(
      some.map(async (row, i) => {
        const self = first + i;
        const matches = await index.search(row, k + 1);
        // Equal photos may stand before the photo itself.
        const others = matches.filter((match) => match.index !== self).slice(0, k);
        for (const [place, match] of others.entries()) {
          found[self * k + place] = match.index;
          similarities[self * k + place] = match.similarity;
        }
      }),
    );
  }
  return { k, rows: found, similarities };
}

/** The mean similarity of each row to its nearest `count`. */
export function meanSimilarity({ k, similarities }: Neighbors, count: number): Float32Array {
  const some = Math.min(count, k);
  return Float32Array.from({ length: k === 0 ? 0 : similarities.length / k }, (_, row) => {
    let sum = 0;
    for (let place = 0; place < some; place++) sum += similarities[row * k + place]!;
    return sum / some;
  });
}
