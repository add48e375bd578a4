/**
 * How many groups go through the network in one run on a GPU. More of them mean fewer runs of nodes and larger products, and
 * other last bits of sums; so the number is recorded in a checkpoint and kept when its run is resumed.
 */
import { whyImagesMix } from '../autodiff/images-apart.ts';
import { byteSizes } from '../autodiff/memory.ts';
import { graphsWithin, peakOf, type TrainingGraphs, trainingGraphs } from '../autodiff/training-graphs.ts';
import { MocoError } from '../errors.ts';
import type { Graph } from '../onnx/graph.ts';
import { BATCH, buildNetwork } from '../onnx/network.ts';
import type { Backend } from '../runtime/backend.ts';
import type { PlanOptions, PlanPlace } from './make-plan.ts';

export interface GroupsAtOnce {
  readonly groups: number;
  /** Why it is one, in words for people, where a network does not allow more; null elsewhere. */
  readonly why: string | null;
}

/**
 * To be called before anything begins.
 * @param asked null or undefined: as many as fit
 * @throws MocoError usage where so many groups are never taken at once
 */
export function requireGroupsAtOnce(
  asked: number | null | undefined,
  groups: number,
  backend: Backend,
): void {
  if (asked === undefined || asked === null) return;
  if (!Number.isSafeInteger(asked) || asked < 1 || groups % asked !== 0) {
    throw new MocoError(
      'usage',
      `${groups} groups do not go through the network ${asked} at a time: give a number that divides ${groups}`,
    );
  }
  // Which worker takes a group is a matter of time, and must change no bit: there each is a run of its own.
  if (asked > 1 && backend !== 'webgpu') {
    throw new MocoError('usage', `${asked} groups at once are for backend webgpu, and this is ${backend}`);
  }
}

/**
 * @param groups of a batch; what is chosen divides it
 * @param asked instead of as many as fit, see `requireGroupsAtOnce`
 * @throws MocoError usage where the network does not allow so many; out-of-memory where one group does not fit
 */
export function chooseGroupsAtOnce(
  options: Omit<PlanOptions, 'groupsAtOnce'>,
  place: PlanPlace,
  groups: number,
  asked?: number,
): GroupsAtOnce {
  if (groups === 1 || asked === 1) return { groups: 1, why: null };
  const mixed = whyImagesMix(buildNetwork(options.spec, BATCH, options.imageSize).graph);
  if (mixed !== null) {
    const why = `only one group at a time can go through this network: ${mixed}`;
    if (asked !== undefined)
      throw new MocoError('usage', `${asked} groups at once were asked for, but ${why}`);
    return { groups: 1, why };
  }
  return { groups: asked ?? mostThatFit(options, place, groups), why: null };
}

/** By what the runs of one group take: all of it but the weights grows with the images. */
function mostThatFit(
  { spec, groupSize, imageSize, recompute }: Omit<PlanOptions, 'groupsAtOnce'>,
  { provider, budget, most, largest = Number.POSITIVE_INFINITY }: PlanPlace,
  groups: number,
): number {
  const { graph, parameters } = buildNetwork(spec, groupSize, imageSize);
  const training = { graph, parameters: parameters.map(({ name }) => name), provider };
  const graphs: TrainingGraphs = recompute
    ? trainingGraphs({ ...training, level: recompute })
    : graphsWithin(training, budget, most);
  const size = byteSizes(graph);
  const weights = parameters.reduce((sum, { name }) => sum + size(name), 0);
  const images = peakOf(graphs) - weights;
  const widest = Math.max(
    ...[graphs.forward, ...graphs.backward.map((part) => part.graph)].map(largestValue),
  );
  const fits = (atOnce: number) => weights + atOnce * images <= budget && atOnce * widest <= largest;
  for (let atOnce = groups; atOnce > 1; atOnce--) if (groups % atOnce === 0 && fits(atOnce)) return atOnce;
  return 1;
}

/** Bytes of the largest value that a node gives. */
function largestValue(graph: Graph): number {
  const size = byteSizes(graph);
  return graph.nodes.reduce((most, { outputs }) => Math.max(most, ...outputs.map(size)), 0);
}

/** The next smaller number of groups at once that divides so many; null after 1. */
export function fewerAtOnce(groups: number): number | null {
  for (let fewer = groups - 1; fewer >= 1; fewer--) if (groups % fewer === 0) return fewer;
  return null;
}
