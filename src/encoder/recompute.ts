/** Memory for time: what an encoder's backward pass computes again, and what groups then take. */
import {
  peakOf,
  RECOMPUTE_LEVELS,
  type RecomputeLevel,
  trainingGraphs,
} from '../autodiff/training-graphs.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';

export type { RecomputeLevel } from '../autodiff/training-graphs.ts';

/** Bytes that the values of a run may take on wasm, see make-plan.ts. */
export const WASM_BUDGET = 1.75 * 2 ** 30;
/** Values of more bytes do not fit a heap of 4 GiB beside the sessions themselves. */
export const WASM_MOST = 3.5 * 2 ** 30;

/** The next level, which takes less memory and more time; null after the last. Results are the same. */
export function lessMemory(level: RecomputeLevel): RecomputeLevel | null {
  return RECOMPUTE_LEVELS[RECOMPUTE_LEVELS.indexOf(level) + 1] ?? null;
}

/**
 * The smallest number of groups that leaves at most half as many images in each, and whose runs are within the budget
 * (bytes), everything computed again; null where there is none: BatchNorm needs two images a group.
 */
export function groupsOfHalfTheSize(
  spec: NetworkSpec,
  imageSize: number,
  batchSize: number,
  groups: number,
  budget: number,
): number | null {
  for (let count = 2 * groups; count <= batchSize / 2; count++) {
    if (batchSize % count !== 0) continue;
    const { graph, parameters } = buildNetwork(spec, batchSize / count, imageSize);
    const names = parameters.map(({ name }) => name);
    const graphs = trainingGraphs({ graph, parameters: names, provider: 'wasm', level: 'segments' });
    if (peakOf(graphs) <= budget) return count;
  }
  return null;
}
