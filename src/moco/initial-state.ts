/** The state before the first step, from the seed alone. */
import type { Parameter } from '../onnx/resnet.ts';
import { Random, STREAMS } from '../random.ts';
import type { EncoderState, StateLayout, TrainerState } from './state.ts';

/**
 * Weights as torchvision and PyTorch draw them; the key encoder begins as a copy of the query encoder; the queue holds
 * random unit vectors (moco/builder.py of the reference).
 */
export function initialState(layout: StateLayout, seed: number): TrainerState {
  const parameters = layout.parameters.map((parameter, i) => initialValues(parameter, seed, i));
  const encoder = (): EncoderState => ({
    parameters: parameters.map((values) => values.slice()),
    means: layout.layers.map(({ channels }) => new Float32Array(channels)),
    variances: layout.layers.map(({ channels }) => new Float32Array(channels).fill(1)),
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

/** One parameter. `index`: its number in the encoder, which its random numbers are keyed by. */
export function initialValues(
  { shape, initialisation, fanIn }: Parameter,
  seed: number,
  index: number,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const random = new Random({ seed, stream: STREAMS.weightInit, image: index });
  switch (initialisation) {
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
