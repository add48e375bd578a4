/**
 * Buffers: what a module keeps beside its parameters, and no author trains. ONNX writes both alike, so a buffer has to
 * be known by its name, by its values or by where it is used. Each rule here holds for values that no layer learns.
 */
import { count } from '../dims.ts';
import type { Constant, Graph, Node } from '../graph.ts';

/** Names, without the modules before the last dot, that frameworks give to buffers and to nothing else. */
const NAMES =
  /^(running_mean|running_var|num_batches_tracked|mean|std|((image|img|pixel|input|data|channel)_(mean|std|var))|(\w*_)?mask|inv_freq|freqs?|freqs_(cis|cos|sin)|(cos|sin)(_cached)?|relative_coords_table|relative_position_index|position_ids|anchors?|grid)$/;

/** Masks of attention add this or less to what is not to be seen (Swin: −100). */
const MASKED = -10;

export function isBufferName(name: string): boolean {
  return NAMES.test(name.slice(name.lastIndexOf('.') + 1));
}

/** Why a constant is a buffer, by its name and values alone; null where it is none. */
export function whyBuffer(name: string, { shape, data }: Constant): string | null {
  if (isBufferName(name)) return 'named like a buffer';
  const values = data as Float32Array;
  if (count(shape) < 2) return null;
  if (isMask(shape, values)) return 'a mask';
  if (isSinusoid(shape, values)) return 'position embeddings of sines and cosines';
  return null;
}

/** Of 0 and one value far below, or of 0 and 1 over several dimensions; −∞ is in no weight. */
function isMask(shape: readonly number[], values: Float32Array): boolean {
  let low: number | null = null;
  let [zeros, ones, others] = [false, false, false];
  for (const x of values) {
    if (x === Number.NEGATIVE_INFINITY) return true;
    if (x === 0) zeros = true;
    else if (x === 1) ones = true;
    else if (x <= MASKED && (low === null || low === x)) low = x;
    else others = true;
    if (others) return false;
  }
  if (!zeros) return false;
  return low !== null ? !ones : ones && shape.filter((size) => size > 1).length >= 2;
}

/** Deviation of Σ(sin² + cos²) from half the length, relative to it. */
const SINUSOID = 1e-3;
const LEAST_LENGTH = 8;

/** Vaswani et al., arXiv:1706.03762, 3.5: along one axis each pair is a sine and a cosine; a row of a class token is 0. */
function isSinusoid(shape: readonly number[], values: Float32Array): boolean {
  const length = shape.at(-1) ?? 1;
  const rows = values.length / length;
  if (length < LEAST_LENGTH || length % 2 !== 0 || rows < 2) return false;
  let full = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * length; i < (row + 1) * length; i++) {
      const x = values[i]!;
      if (!(Math.abs(x) <= 1 + SINUSOID)) return false;
      sum += x * x;
    }
    if (sum === 0) continue;
    if (Math.abs(sum - length / 2) > (SINUSOID * length) / 2) return false;
    full++;
  }
  return full >= 2;
}

/** Filters of a convolution that are all the same and not drawn: of a blur before subsampling, of a Sobel operator. */
export function isFixedFilter({ shape, data }: Constant): boolean {
  const [filters = 1, channels = 1] = shape;
  const size = data.length / filters;
  if (filters < 2 || channels !== 1 || size < 2) return false;
  const values = data as Float32Array;
  const first = values.subarray(0, size);
  if (first.every((x) => x === first[0]) && Math.abs(first[0]! * size - 1) > SINUSOID) return false;
  for (let i = size; i < values.length; i++) if (values[i] !== values[i % size]) return false;
  return true;
}

const STATISTIC = /\.running_(mean|var)$/;

/**
 * A BatchNorm whose author froze it is no BatchNormalization any more, but arithmetic: with names of the module, or, where
 * the exporter has computed with its constants, a scale and a shift of each channel right after a convolution.
 * @param statistics names of running statistics of BatchNormalization nodes
 * @param isNumbered whether a name is one that the exporter made up
 */
export function frozenBatchNorms(
  graph: Graph,
  statistics: ReadonlySet<string>,
  isNumbered: (name: string) => boolean,
): ReadonlySet<string> {
  const frozen = new Set<string>();
  for (const name of graph.constants.keys()) {
    if (!STATISTIC.test(name) || statistics.has(name)) continue;
    const layer = name.replace(STATISTIC, '');
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) frozen.add(`${layer}.${part}`);
  }
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const perChannel = (node: Node): readonly [constant: string, other: string] | null => {
    const [a = '', b = ''] = node.inputs;
    for (const [name, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const shape = graph.constants.get(name)?.shape;
      const isChannels = shape?.length === 4 && shape.every((size, axis) => axis === 1 || size === 1);
      if (isChannels && isNumbered(name)) return [name, other];
    }
    return null;
  };
  for (const add of graph.nodes) {
    if (add.op !== 'Add') continue;
    const shift = perChannel(add);
    const mul = shift && producer.get(shift[1]);
    const scale = mul?.op === 'Mul' ? perChannel(mul) : null;
    if (!shift || !scale || producer.get(scale[1])?.op !== 'Conv') continue;
    frozen.add(shift[0]).add(scale[0]);
  }
  return frozen;
}
