/** Some images of a data set. */
import type { Dataset } from '../sources/source.ts';

/** @param only which images, in this order */
export function subset(dataset: Dataset, only: Int32Array): Dataset {
  const at = (i: number) => only[i] ?? -1;
  return {
    length: only.length,
    labels: dataset.labels && only.map((image) => dataset.labels![image]!),
    image: (i) => dataset.image(at(i)),
    name: (i) => dataset.name(at(i)),
    ...(dataset.size && { size: (i: number) => dataset.size!(at(i)) }),
    close: () => dataset.close(),
  };
}
