/** How often neighbors name the right folder: weighted kNN (Wu et al. 2018, arXiv:1805.01978, 3.4), each photo left out in turn. */
import type { Neighbors } from './neighbors-of-all.ts';

const TEMPERATURE = 0.1;

/** @returns the share of labeled rows whose neighbors' vote is their label, 0 … 1 */
export function agreement({ k, rows, similarities }: Neighbors, labels: Int32Array, classes: number): number {
  let right = 0;
  let asked = 0;
  const votes = new Float64Array(classes);
  for (const [row, label] of labels.entries()) {
    if (label < 0) continue;
    votes.fill(0);
    for (let at = row * k; at < (row + 1) * k; at++) {
      const named = labels[rows[at]!]!;
      if (named >= 0) votes[named]! += Math.exp((similarities[at]! - 1) / TEMPERATURE);
    }
    asked++;
    if (votes.indexOf(Math.max(...votes)) === label) right++;
  }
  return asked === 0 ? 0 : right / asked;
}

/** What always naming the largest folder would reach. */
export function chanceLevel(labels: Int32Array, classes: number): number {
  const counts = new Float64Array(classes);
  for (const label of labels) if (label >= 0) counts[label]!++;
  const all = counts.reduce((sum, count) => sum + count, 0);
  return all === 0 ? 0 : Math.max(...counts) / all;
}
