/** The graphs of one training step of an encoder, at a chosen price of memory in time. */
import { MocoError } from '../errors.ts';
import { type Graph, type Node, OPSET } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { cutGraph } from './cut.ts';
import { differentiate, type Gradient } from './differentiate.ts';
import type { KernelGradient } from './kernel-gradient.ts';
import { LOWERINGS, type Provider } from './lowering.ts';
import { byteSizes, peakBytes } from './memory.ts';
import type { BatchStatistics } from './rule.ts';
import type { Recompute } from './saving.ts';
import { chain, chooseCuts, cutPoints, segmentOf } from './segments.ts';

/**
 * What the backward pass computes again. `least`: normalization and activations, one pass each over what is kept.
 * `cheap`: everything but convolutions, matrix products and pooling. `segments`: all of it, a segment of the network at
 * a time. Results are the same at every level.
 */
export const RECOMPUTE_LEVELS = ['least', 'cheap', 'segments'] as const;
export type RecomputeLevel = (typeof RECOMPUTE_LEVELS)[number];

/**
 * One run of the backward pass: the whole network, a segment of it, or a piece of one. It reads values of the forward pass, and
 * what the parts before it gave, by name.
 */
export interface BackwardPart {
  readonly graph: Graph;
  /** The input that takes the gradient of the embedding, or what the part before passed on; null within a segment. */
  readonly outputGradient: string | null;
  /** Weight → the output that is its gradient. */
  readonly gradients: ReadonlyMap<string, string>;
  /** The output that is the next segment's output gradient; null where there is none, or it comes later. */
  readonly passedOn: string | null;
  /** Gradients that kernels can compute once this part has run. */
  readonly left: readonly KernelGradient[];
}

export interface TrainingGraphs {
  /** Image and weights → the encoder's outputs, saved activations, batch statistics. */
  readonly forward: Graph;
  /** In the order in which they run, from the embedding to the image. */
  readonly backward: readonly BackwardPart[];
  readonly statistics: readonly BatchStatistics[];
  /** Names of what forward gives and backward takes. */
  readonly saved: readonly string[];
}

export interface TrainingGraphsOptions {
  /** With the input `image` and the output `embedding`. */
  readonly graph: Graph;
  readonly parameters: readonly string[];
  readonly provider: Provider;
  readonly level: RecomputeLevel;
  /** Outputs of the nodes that kernels compute (kernel-nodes.ts). */
  readonly onKernels?: ReadonlySet<string>;
}

/** @throws MocoError as differentiate does */
export function trainingGraphs(options: TrainingGraphsOptions): TrainingGraphs {
  return options.level === 'segments' ? inSegments(options) : inOnePiece(options, options.level);
}

function wholeGradient(
  { graph, parameters, provider, onKernels }: TrainingGraphsOptions,
  recompute: Recompute,
): Gradient {
  const outputs = ['embedding'];
  const how = { wrt: parameters, outputs, provider, recompute, weightGradients: 'kernel' } as const;
  return differentiate(graph, how, onKernels);
}

function inOnePiece(options: TrainingGraphsOptions, recompute: Recompute): TrainingGraphs {
  const gradient = wholeGradient(options, recompute);
  const { backward: graph, gradients, left } = gradient;
  const outputGradient = gradient.outputGradients.get('embedding')!;
  return {
    forward: gradient.forward,
    backward: inPieces({ graph, outputGradient, gradients, passedOn: null, left }, options.provider),
    statistics: gradient.statistics,
    saved: gradient.saved.map(({ name }) => name),
  };
}

/** A part in as many runs as what it gives to kernels asks for. */
function inPieces(part: BackwardPart, provider: Provider): BackwardPart[] {
  const given = new Set(part.left.flatMap(({ x, dy }) => [x.name, dy.name]));
  const graphs = cutGraph(part.graph, given, LOWERINGS[provider].givenAtOnce);
  const written = new Map(graphs.flatMap(({ outputs }, i) => outputs.map(({ name }) => [name, i] as const)));
  const pieceOf = (name: string) => written.get(name) ?? 0;
  return graphs.map((graph, i) => ({
    graph,
    outputGradient: i === 0 ? part.outputGradient : null,
    gradients: new Map([...part.gradients].filter(([, output]) => pieceOf(output) === i)),
    passedOn: part.passedOn !== null && pieceOf(part.passedOn) === i ? part.passedOn : null,
    left: part.left.filter(({ x, dy }) => Math.max(pieceOf(x.name), pieceOf(dy.name)) === i),
  }));
}

const MOST_SEGMENTS = 16;

/** As many segments as take the least memory: computing them again costs the same however many there are. */
function inSegments(options: TrainingGraphsOptions): TrainingGraphs {
  const { graph } = options;
  const candidates = cutPoints(graph, 'image', 'embedding');
  const whole = wholeGradient(options, 'least');
  const size = byteSizes(graph);
  const weight = (node: Node) => node.outputs.reduce((sum, name) => sum + size(name), 0);
  let best: TrainingGraphs | null = null;
  let least = Number.POSITIVE_INFINITY;
  let tried = '';
  for (let segments = 2; segments <= MOST_SEGMENTS; segments++) {
    const cuts = chooseCuts(graph, candidates, segments, weight);
    if (cuts.length === 0 || String(cuts) === tried) continue;
    tried = String(cuts);
    const graphs = cutAt(options, whole, cuts);
    const peak = peakOf(graphs);
    if (peak >= least) continue;
    least = peak;
    best = graphs;
  }
  // A network that cannot be cut, such as one whose first activation is read by all that follow.
  return best ?? inOnePiece(options, 'cheap');
}

/** @param whole the network in one piece, whose forward pass it stays */
function cutAt(
  { graph, parameters, provider, onKernels }: TrainingGraphsOptions,
  whole: Gradient,
  cuts: readonly string[],
): TrainingGraphs {
  const shapes = inferShapes(graph);
  const ends = [...cuts, 'embedding'];
  const parts = ends.map((end, i): BackwardPart[] => {
    const start = ends[i - 1] ?? 'image';
    const segment = segmentOf(graph, start, end, (name) => shapes.get(name)!);
    const read = new Set(segment.inputs.map(({ name }) => name));
    const wrt = parameters.filter((name) => read.has(name));
    const inner = differentiate(
      segment,
      {
        wrt: i === 0 ? wrt : [start, ...wrt],
        outputs: [end],
        provider,
        recompute: 'nothing',
        weightGradients: 'kernel',
      },
      onKernels,
    );
    const { left, gradients } = inner;
    const name = `${graph.name}.backward.${end}`;
    return inPieces(
      {
        graph: chain(
          name,
          inner.forward,
          inner.backward,
          left.map(({ x }) => x),
        ),
        outputGradient: inner.outputGradients.get(end)!,
        gradients: new Map([...gradients].filter(([weight]) => weight !== start)),
        passedOn: i === 0 ? null : gradients.get(start)!,
        left,
      },
      provider,
    );
  });
  const lasting = new Set([
    ...graph.outputs.map(({ name }) => name),
    ...whole.statistics.flatMap(({ mean, variance }) => [mean, variance]),
  ]);
  const kept = whole.forward.outputs.filter(({ name }) => lasting.has(name));
  const boundaries = cuts.map((name) => ({ name, type: 'float32' as const, shape: shapes.get(name)! }));
  const known = new Set(kept.map(({ name }) => name));
  return {
    forward: {
      ...whole.forward,
      opset: OPSET,
      outputs: [...kept, ...boundaries.filter(({ name }) => !known.has(name))],
    },
    backward: parts.toReversed().flat(),
    statistics: whole.statistics,
    saved: cuts,
  };
}

/** The most bytes that a run of one of the graphs takes; the batch must be a number. */
export function peakOf({ forward, backward }: TrainingGraphs): number {
  return Math.max(...[forward, ...backward.map(({ graph }) => graph)].map(peakBytes));
}

/** Bytes of parameters, which do not grow with the images of a group. */
function weightBytes({ graph, parameters }: Omit<TrainingGraphsOptions, 'level'>): number {
  const size = byteSizes(graph);
  return parameters.reduce((sum, name) => sum + size(name), 0);
}

/** Bytes kept from forward to backward. */
export function savedBytes(graphs: TrainingGraphs): number {
  const size = byteSizes(graphs.forward);
  return graphs.saved.reduce((sum, name) => sum + size(name), 0);
}

/**
 * The graphs at the first level whose runs take no more than `budget` bytes: a good guess at what fits well.
 * @param most bytes that cannot fit at all; what is between the two is left to the last level to try
 * @throws MocoError out-of-memory where even the last level takes more, saying what would fit
 */
export function graphsWithin(
  options: Omit<TrainingGraphsOptions, 'level'>,
  budget: number,
  most = budget,
): TrainingGraphs & { readonly level: RecomputeLevel } {
  let peak = Number.POSITIVE_INFINITY;
  for (const level of RECOMPUTE_LEVELS) {
    const graphs = trainingGraphs({ ...options, level });
    peak = peakOf(graphs);
    if (peak <= (level === RECOMPUTE_LEVELS.at(-1) ? most : budget)) return { ...graphs, level };
  }
  const images = Number(options.graph.inputs.find(({ name }) => name === 'image')?.shape[0]);
  const fixed = weightBytes(options);
  const fitting = Math.floor((images * (most - fixed)) / (peak - fixed));
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  throw new MocoError(
    'out-of-memory',
    `a group of ${images} images takes ${gib(peak)} GiB even where everything is computed again, and there are ` +
      `${gib(most)} GiB: ${fitting > 0 ? `raise groups until a group has ${fitting} or fewer` : 'choose a smaller network'}` +
      ', or lower the image size',
  );
}
