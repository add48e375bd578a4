/** From a network to what is run: its graphs, differentiated and written for a provider, as bytes. */

import { withBlockedConvolutions } from '../autodiff/blocked.ts';
import { withGroupsAtOnce } from '../autodiff/groups-at-once.ts';
import { chooseKernelNodes } from '../autodiff/kernel-nodes.ts';
import { lowerGraph } from '../autodiff/lower.ts';
import type { Provider } from '../autodiff/lowering.ts';
import { prepareWeights } from '../autodiff/prepare.ts';
import {
  graphsWithin,
  peakOf,
  type RecomputeLevel,
  savedBytes,
  type TrainingGraphs,
  trainingGraphs,
} from '../autodiff/training-graphs.ts';
import { foldBatchNorm } from '../onnx/fold.ts';
import type { Graph } from '../onnx/graph.ts';
import { buildNetwork, type NetworkSpec } from '../onnx/network.ts';
import { encoded } from './encoded-model.ts';
import { kernelPart } from './kernel-part.ts';
import { isWorthAKernel, piecesOf } from './kernel-piece-parts.ts';
import { WASM_BUDGET, WASM_MOST } from './recompute.ts';
import { type PartValues, releasesOf } from './releases.ts';
import type { BackwardPart, GraphPart, NamedShape, TrainingPlan } from './training-plan.ts';

export interface PlanOptions {
  readonly spec: NetworkSpec;
  /** Images of one group. */
  readonly groupSize: number;
  /** Groups of one run, whose images come interleaved (autodiff/groups-at-once.ts); default 1. */
  readonly groupsAtOnce?: number;
  readonly imageSize: number;
  /** What the backward pass computes again; by default as little as the memory allows. */
  readonly recompute?: RecomputeLevel;
}

/** Where a plan runs: what is written for it, and what fits. */
export interface PlanPlace<P extends Provider = Provider> {
  readonly provider: P;
  /** Bytes that the values of a run may take: as a rule, and at the last level. */
  readonly budget: number;
  readonly most: number;
  /** webgpu: bytes that one value may take. */
  readonly largest?: number;
  /** native: how many channels of a pixel the processor takes at a time, see blocked.ts; 1: no blocks. */
  readonly block?: number;
}

/** On the threads of workers. */
export type WorkerPlace = PlanPlace<'wasm' | 'native'>;

/**
 * A heap has 4 GiB, never shrinks, and serves all sessions of an encoder; onnxruntime's order of nodes and its allocator take
 * up to 1.8 times what the values do (docs/performance.md).
 */
export const ON_WASM: PlanPlace<'wasm'> = { provider: 'wasm', budget: WASM_BUDGET, most: WASM_MOST };

/**
 * The machine's memory, for so many workers. Each has an arena for each of its sessions, three at most at a time near their
 * peaks; a part stays for weights, images and everything else.
 * @param memory bytes; null where it is not known
 * @param block of channel-block.ts
 */
export function onNative(memory: number | null, workers: number, block: number): PlanPlace<'native'> {
  const share = (0.8 * (memory ?? 4 * 2 ** 30)) / workers;
  return { provider: 'native', budget: share / 3, most: share / 1.5, block };
}

/** Nothing tells how large the memory of a GPU is; devices allow single buffers of a good part of it. */
export function onWebGpu(device: GPUDevice): PlanPlace {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const guess = 4 * maxBufferSize;
  const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return { provider: 'webgpu', budget: guess, most: guess, largest };
}

const NONE: ReadonlySet<string> = new Set();

/** @throws MocoError out-of-memory where no level leaves enough, usage, operator-unsupported */
export function makePlan(options: PlanOptions, place: PlanPlace): TrainingPlan {
  const { provider, budget, most } = place;
  const { spec, groupSize, groupsAtOnce = 1, imageSize, recompute } = options;
  const images = groupSize * groupsAtOnce;
  const { graph, parameters, dim } = buildNetwork(spec, images, imageSize);
  const network = withGroupsAtOnce(graph, groupsAtOnce);
  const onKernels = provider === 'wasm' ? chooseKernelNodes(network, isWorthAKernel) : NONE;
  const training = {
    graph: network,
    parameters: parameters.map(({ name }) => name),
    provider,
    onKernels,
  };
  const graphs = recompute
    ? { ...trainingGraphs({ ...training, level: recompute }), level: recompute }
    : graphsWithin(training, budget, most);
  const statistics = graphs.statistics.flatMap(({ mean, variance }) => [mean, variance]);
  const wanted = new Set(['embedding', ...statistics]);
  const outputs = graphs.forward.outputs.filter(({ name }) => wanted.has(name));
  const inference = lowerGraph(foldBatchNorm(buildNetwork(spec, 'batch', imageSize).graph).graph, provider);
  const weights = [...training.parameters, ...inference.inputs.map(({ name }) => name)];
  const write = partWriter(place, weights, onKernels);
  return {
    groupSize,
    groupsAtOnce,
    imageSize,
    dim,
    parameters: parameters.map(({ name, shape }) => ({ name, shape })),
    statistics,
    forward: write({ ...graphs.forward, outputs }),
    trainingForward: write(graphs.forward),
    backward: backwardParts(graphs, write, parameters),
    inference: {
      ...write(inference),
      weights: inference.inputs
        .filter(({ name }) => name !== 'image')
        .map(({ name, shape }) => ({ name, shape: shape.map(Number) })),
    },
    memory: { level: graphs.level, keptPerImage: savedBytes(graphs) / images, peak: peakOf(graphs) },
  };
}

/** Runs, each followed by the kernels that its values are for. */
function backwardParts(
  { backward }: TrainingGraphs,
  write: (graph: Graph) => GraphPart,
  weights: readonly NamedShape[],
): BackwardPart[] {
  const parts = backward.flatMap(({ graph, outputGradient, gradients, passedOn, left }) => [
    { ...write(graph), outputGradient, gradients: [...gradients], passedOn },
    ...left.map((gradient) => kernelPart(gradient, weights)),
  ]);
  const values = backward.flatMap(({ graph, outputGradient, passedOn, left }): PartValues[] => {
    const [reads, gives] = [graph.inputs, graph.outputs].map((list) => list.map(({ name }) => name));
    const kernels = left.map(({ x, dy }) => ({ ...NOTHING, reads: [x.name, dy.name] }));
    return [{ reads: reads!, gives: gives!, outputGradient, passedOn }, ...kernels];
  });
  const releases = releasesOf(values);
  return parts.map((part, i) => ({ ...part, releases: releases[i]! }));
}

const NOTHING = { reads: [], gives: [], outputGradient: null, passedOn: null };

/** @param inputs that hold weights, among others that no part has */
function partWriter(
  { provider, block = 1 }: PlanPlace,
  inputs: readonly string[],
  onKernels: ReadonlySet<string>,
): (graph: Graph) => GraphPart {
  const weights = new Set(inputs.filter((name) => name !== 'image'));
  const reads = (graph: Graph) => ({ model: encoded(graph), inputs: graph.inputs.map(({ name }) => name) });
  return (graph) => {
    if (provider !== 'native') {
      const pieces = provider === 'wasm' ? piecesOf(graph, onKernels) : null;
      return { kind: 'graph', ...reads(graph), prepare: null, ...(pieces && { pieces }) };
    }
    const blocked = block > 1 ? withBlockedConvolutions(graph, block) : graph;
    const { prepare, rest } = prepareWeights(blocked, weights);
    return { kind: 'graph', ...reads(rest), prepare: prepare && reads(prepare) };
  };
}
