/**
 * Which images share BatchNorm statistics. A group stands for one GPU of the paper's eight; sample n of a batch belongs
 * to group n mod groups, as in the reference's single-device demo.
 */

/** Positions in the batch of a group's query images, in the group's order. */
export function queryPositions(group: number, groups: number, batchSize: number): Uint32Array {
  return Uint32Array.from({ length: batchSize / groups }, (_, row) => group + row * groups);
}

/**
 * Positions in the batch of a group's key images: ShuffleBN (He et al. 2020, 3.3) feeds the key encoder row i the image
 * at position shuffle[i], and row i belongs to group i mod groups.
 */
export function keyPositions(group: number, groups: number, shuffle: Uint32Array): Uint32Array {
  return queryPositions(group, groups, shuffle.length).map((row) => shuffle[row]!);
}
