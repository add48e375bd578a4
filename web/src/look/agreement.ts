/** How often neighbors name the right folder: weighted kNN (Wu et al. 2018, arXiv:1805.01978, 3.4), each photo left out in turn. */
import type { Neighbors } from './neighbors-of-all.ts';

const TEMPERATURE = 0.1;

export interface Agreement {
  /** Of the labeled rows, those whose neighbors' vote is their label, 0 … 1. */
  readonly share: number;
  /** What was taken for what, the most frequent first; ties by label, then by what it was taken for. */
  readonly mistaken: readonly Mistake[];
}

export interface Mistake {
  readonly label: number;
  readonly named: number;
  /** Of the rows of this label, 0 … 1. */
  readonly share: number;
}

export function agreement(
  { k, rows, similarities }: Neighbors,
  labels: Int32Array,
  classes: number,
): Agreement {
  const counts = new Float64Array(classes);
  /** [label, named] */
  const named = new Float64Array(classes * classes);
  const votes = new Float64Array(classes);
  for (const [row, label] of labels.entries()) {
    if (label < 0) continue;
    votes.fill(0);
    for (let at = row * k; at < (row + 1) * k; at++) {
      const voter = labels[rows[at]!]!;
      if (voter >= 0) votes[voter]! += Math.exp((similarities[at]! - 1) / TEMPERATURE);
    }
    counts[label]!++;
    named[label * classes + votes.indexOf(Math.max(...votes))]!++;
  }
  const mistaken: Mistake[] = [];
  let right = 0;
  for (const [at, count] of named.entries()) {
    const label = Math.floor(at / classes);
    if (at % classes === label) right += count;
    else if (count > 0) mistaken.push({ label, named: at % classes, share: count / counts[label]! });
  }
  mistaken.sort((a, b) => b.share - a.share);
  const asked = counts.reduce((sum, count) => sum + count, 0);
  return { share: asked === 0 ? 0 : right / asked, mistaken };
}

/** What always naming the largest folder would reach. */
export function chanceLevel(labels: Int32Array, classes: number): number {
  const counts = new Float64Array(classes);
  for (const label of labels) if (label >= 0) counts[label]!++;
  const all = counts.reduce((sum, count) => sum + count, 0);
  return all === 0 ? 0 : Math.max(...counts) / all;
}
