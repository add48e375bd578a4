/** The state before the first step, from the seed alone. */
import { MocoError } from '../errors.ts';
import { count } from '../onnx/dims.ts';
import type { Parameter } from '../onnx/encoder-graph.ts';
import { Random, STREAMS } from '../random.ts';
import type { EncoderState, StateLayout, TrainerState } from '../train/state.ts';

/** Values that an imported model brings: parameters, `<layer>.running_mean` and `<layer>.running_var`, by name. */
export type GivenValues = ReadonlyMap<string, Float32Array>;

/**
 * Weights as the model brings them, or as torchvision and PyTorch draw them; the key encoder begins as a copy of the
 * query encoder; the queue holds random unit vectors (moco/builder.py of the reference).
 * @throws MocoError model-invalid where a given value is missing or of another size
 */
export function initialState(
  layout: StateLayout,
  seed: number,
  given: GivenValues = new Map(),
): TrainerState {
  const parameters = layout.parameters.map((parameter, i) =>
    parameter.initialisation === 'given'
      ? givenValues(given, parameter.name, count(parameter.shape))
      : initialValues(parameter, seed, i),
  );
  const statistics = (part: string, otherwise: number) =>
    layout.layers.map(({ name, channels }) =>
      given.has(`${name}.${part}`)
        ? givenValues(given, `${name}.${part}`, channels).slice()
        : new Float32Array(channels).fill(otherwise),
    );
  const encoder = (): EncoderState => ({
    parameters: parameters.map((values) => values.slice()),
    means: statistics('running_mean', 0),
    variances: statistics('running_var', 1),
    batchesTracked: 0,
  });
  return {
    query: encoder(),
    key: encoder(),
    momentum: parameters.map(({ length }) => new Float32Array(length)),
    queue: initialQueue(layout.queueSize, layout.dim, seed),
    queuePointer: 0,
  };
}

function givenValues(given: GivenValues, name: string, length: number): Float32Array {
  const values = given.get(name);
  if (values?.length === length) return values;
  throw new MocoError(
    'model-invalid',
    `the model should bring ${length} values for ${name}, not ${values?.length ?? 0}`,
  );
}

/** One parameter. `index`: its number in the encoder, which its random numbers are keyed by. */
export function initialValues(
  { shape, initialisation, fanIn }: Parameter,
  seed: number,
  index: number,
): Float32Array {
  const values = new Float32Array(count(shape));
  const random = new Random({ seed, stream: STREAMS.weightInit, image: index });
  switch (initialisation) {
    case 'given':
      throw new MocoError('model-invalid', 'a parameter whose values are given is not drawn');
    case 'ones':
      return values.fill(1);
    case 'zeros':
      return values;
    case 'kaiming-fan-out': {
      // He et al., arXiv:1502.01852, mode fan_out, gain √2: what torchvision's ResNet uses.
      const [outChannels = 1, , kh = 1, kw = 1] = shape;
      const deviation = Math.sqrt(2 / (outChannels * kh * kw));
      return values.map(() => deviation * random.normal());
    }
    case 'linear-weight':
    case 'linear-bias': {
      // torch.nn.Linear: kaiming_uniform with a = √5 comes to ±1/√fan_in, and the bias is drawn alike.
      const bound = 1 / Math.sqrt(fanIn);
      return values.map(() => random.between(-bound, bound));
    }
  }
}

function initialQueue(queueSize: number, dim: number, seed: number): Float32Array {
  const queue = new Float32Array(queueSize * dim);
  const random = new Random({ seed, stream: STREAMS.queueInit });
  const row = new Float64Array(dim);
  for (let k = 0; k < queueSize; k++) {
    let squares = 0;
    for (let c = 0; c < dim; c++) {
      const value = random.normal();
      row[c] = value;
      squares += value * value;
    }
    const norm = Math.sqrt(squares);
    for (let c = 0; c < dim; c++) queue[k * dim + c] = row[c]! / norm;
  }
  return queue;
}
