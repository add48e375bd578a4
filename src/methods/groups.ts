/**
 * Positions in the batch of the images of a group, which share BatchNorm statistics. A group stands for one GPU of the
 * paper's eight: row n of a batch belongs to group n mod groups, as in the reference's single-device demo.
 * @param order row i shows the image at position order[i] (ShuffleBN: He et al. 2020, 3.3); left out: at position i
 */
export function groupPositions(
  group: number,
  groups: number,
  batchSize: number,
  order?: Uint32Array,
): Uint32Array {
  return Uint32Array.from({ length: batchSize / groups }, (_, i) => {
    const row = group + i * groups;
    return order ? order[row]! : row;
  });
}
