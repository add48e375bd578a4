/** The model's input: images, of which only the batch may be left open. */
import { MocoError } from '../../errors.ts';
import { intAttribute } from '../attributes.ts';
import type { Dim, Graph, Shape, Value } from '../graph.ts';
import { layoutOf } from '../image-layout.ts';

export interface InputOptions {
  /** Images of a batch; without it, it is as the file has it. `open`: also where the file fixes it. */
  readonly batch?: number | 'open';
  /** Height and width in pixels, needed where the file leaves them open. */
  readonly imageSize?: number;
}

/**
 * The graph with its one input made as fixed as the options say.
 * @throws MocoError usage where there is not exactly one input, it is not float32, or the options do not fit it
 */
export function fixInput(graph: Graph, options: InputOptions): Graph {
  const input = imageOf(graph);
  return {
    ...graph,
    inputs: [{ ...input, type: 'float32', shape: fixShape(input, options, channelsOf(graph, input)) }],
  };
}

const SHOWN = 4;

/** @throws MocoError usage where there is not exactly one input, or it holds no numbers */
export function imageOf({ inputs }: Pick<Graph, 'inputs'>): Value {
  const [input, ...others] = inputs;
  if (!input || others.length > 0) {
    const named = inputs.slice(0, SHOWN).map(({ name, shape }) => `${name} [${shape}]`);
    if (inputs.length > SHOWN) named.push('…');
    throw usage(
      `an encoder has one input, the images; this model has ${inputs.length}: ${named.join(', ') || 'none'}`,
    );
  }
  // Bytes become float32: the Cast that follows in such models then changes nothing.
  if (input.type === 'float32' || input.type === 'uint8') return input;
  throw usage(`input ${input.name} holds ${input.type}, images are float32 or uint8`);
}

/** Exporters may leave the channels open too, and the first convolution closes them: an open size is read as 3 else. */
function channelsOf({ nodes, constants }: Graph, { name }: Value): number {
  const reader = nodes.find(({ op, inputs }) => op === 'Conv' && inputs[0] === name);
  const channels = reader && constants.get(reader.inputs[1] ?? '')?.shape[1];
  return channels === undefined ? 3 : channels * intAttribute(reader!, 'group', 1);
}

function fixShape({ name, shape }: Value, { batch, imageSize }: InputOptions, channels: number): Shape {
  const layout = layoutOf(shape);
  const pick = (axis: number, what: string, wanted: number | undefined): Dim => {
    const size = shape[axis]!;
    if (wanted !== undefined && typeof size === 'number' && size !== wanted) {
      throw usage(
        `the model was exported for a ${what} of ${size}, not ${wanted}: export it again, with dynamic_axes or for ${wanted}`,
      );
    }
    return wanted ?? size;
  };
  return shape.map((size, axis) => {
    const isSpace = layout !== null && (axis === layout.height || axis === layout.width);
    const isChannels = layout !== null && axis === layout.channels && typeof size === 'string';
    const fixed =
      axis === 0
        ? pick(axis, 'batch', batch === 'open' ? undefined : batch)
        : isSpace
          ? pick(axis, 'height and width', imageSize)
          : isChannels
            ? channels
            : size;
    if (typeof fixed === 'number') {
      if (fixed > 0) return fixed;
      throw usage(`input ${name} [${shape}] is empty`);
    }
    if (axis === 0) return plainName(fixed);
    const hint = isSpace ? 'give the image size' : 'only the batch may be';
    throw usage(`input ${name} [${shape}]: size ${fixed} is open, ${hint}`);
  });
}

/** dims.ts reads `*` and leading digits as arithmetic. */
function plainName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : 'batch';
}

function usage(what: string): MocoError {
  return new MocoError('usage', what);
}
