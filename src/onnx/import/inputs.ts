/** The model's input: images, of which only the batch may be left open. */
import { MocoError } from '../../errors.ts';
import type { Dim, Graph, Shape, Value } from '../graph.ts';

export interface InputOptions {
  /** Images of a batch; without it, a batch that the file leaves open stays open. */
  readonly batch?: number;
  /** Height and width in pixels, needed where the file leaves them open. */
  readonly imageSize?: number;
}

/**
 * The graph with its one input made as fixed as the options say.
 * @throws MocoError usage where there is not exactly one input, it is not float32, or the options do not fit it
 */
export function fixInput(graph: Graph, options: InputOptions): Graph {
  const [input, ...others] = graph.inputs;
  if (!input || others.length > 0) {
    const named = graph.inputs.map(({ name, shape }) => `${name} [${shape}]`).join(', ');
    throw usage(
      `an encoder has one input, the images; this model has ${graph.inputs.length}: ${named || 'none'}`,
    );
  }
  if (input.type !== 'float32') throw usage(`input ${input.name} holds ${input.type}, images are float32`);
  return { ...graph, inputs: [{ ...input, shape: fixShape(input, options) }] };
}

function fixShape({ name, shape }: Value, { batch, imageSize }: InputOptions): Shape {
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
    const isSpace = shape.length === 4 && axis >= 2;
    const fixed =
      axis === 0 ? pick(axis, 'batch', batch) : isSpace ? pick(axis, 'height and width', imageSize) : size;
    if (typeof fixed === 'number') {
      if (fixed > 0) return fixed;
      throw usage(`input ${name} [${shape}] is empty`);
    }
    if (axis === 0) return plainName(fixed);
    const hint = isSpace ? 'give imageSize' : 'only the batch may be';
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
