/** What an encoder begins with: from the seed alone, or as its model brings it. */
import { MocoError } from '../errors.ts';
import { count } from '../onnx/dims.ts';
import type { Parameter } from '../onnx/encoder-graph.ts';
import { Random, STREAMS } from '../random.ts';

/** Values that an encoder begins with, those that an imported model brings for example: parameters, `<layer>.running_mean` and `<layer>.running_var`, by name. */
export type GivenValues = ReadonlyMap<string, Float32Array>;

/**
 * One parameter: as it is given, or as torchvision and PyTorch draw it.
 * @param index its number in the encoder, which its random numbers are keyed by
 * @throws MocoError model-invalid where a given value is missing or of another size
 */
export function initialParameter(
  parameter: Parameter,
  index: number,
  seed: number,
  given: GivenValues = new Map(),
): Float32Array {
  const { name, shape, initialization } = parameter;
  if (initialization === 'given' || given.has(name)) return givenValues(given, name, count(shape));
  return drawn(parameter, index, seed);
}

/** `<layer>.running_mean` or `<layer>.running_var` [channels]: as the model brings it, else 0 and 1. */
export function initialStatistic(
  name: string,
  channels: number,
  given: GivenValues = new Map(),
): Float32Array {
  if (given.has(name)) return givenValues(given, name, channels);
  return new Float32Array(channels).fill(name.endsWith('.running_var') ? 1 : 0);
}

function givenValues(given: GivenValues, name: string, length: number): Float32Array {
  const values = given.get(name);
  if (values?.length === length) return values;
  throw new MocoError(
    'model-invalid',
    `the model should bring ${length} values for ${name}, not ${values?.length ?? 0}`,
  );
}

function drawn({ shape, initialization, fanIn }: Parameter, index: number, seed: number): Float32Array {
  const values = new Float32Array(count(shape));
  const random = new Random({ seed, stream: STREAMS.weightInit, image: index });
  switch (initialization) {
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
