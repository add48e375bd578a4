import type { GroupRows, Step } from './method.ts';

/**
 * The embeddings of a group at unit length, and the lengths that they had: contrastive losses compare directions.
 * @param name of the memory that they are in: what has the same is overwritten
 */
export function unitRows({ device, scratch, dim }: Step, name: string, { embedding, count }: GroupRows) {
  const unit = scratch(name, count * dim);
  const norm = scratch(`${name} norm`, count);
  device.l2norm({ x: embedding, y: unit, norm, rows: count, dim });
  return { unit, norm };
}
