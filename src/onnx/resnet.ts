/**
 * The ResNet family as an ONNX graph, with torchvision's parameter names (He et al., arXiv:1512.03385; bottlenecks
 * stride on the 3×3 convolution as torchvision's do).
 */
import { either, expectArgument, listOf, made, oneOf, text, whole, yesNo } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { ARCHITECTURES, SHAPES, SMALLEST_IMAGE, STEMS } from './architectures.ts';
import type { Encoder, Initialization, Parameter } from './encoder-graph.ts';
import { type Dim, GraphBuilder } from './graph.ts';

export interface ResNetSpec {
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage, e.g. [3, 4, 6, 3]. */
  readonly layers: readonly number[];
  /** Planes of each stage, e.g. [64, 128, 256, 512]; a bottleneck's output has four times as many channels. */
  readonly planes: readonly number[];
  /** imagenet: 7×7 stride 2 and max-pool; cifar: 3×3 stride 1. */
  readonly stem: 'imagenet' | 'cifar';
  /** Length of the embedding. */
  readonly dim: number;
  /** v2's two-layer head (fc.0, ReLU, fc.2, hidden as wide as the features) or v1's one layer (fc). */
  readonly mlp: boolean;
}

const BN_EPSILON = 1e-5;

/** A configuration, which has more, will do. */
const NAMED_SPEC = made<{ width: number; dim: number; mlp: boolean; arch: string; stem: string }>(
  '{ arch, width, stem, dim, mlp }: width and dim whole numbers from 1, mlp true or false',
  { arch: text(), stem: text(), width: whole(1, 65536), dim: whole(1, 65536), mlp: yesNo },
);

export const RESNET = made<ResNetSpec>('what resnetSpec gave', {
  block: oneOf(['basic', 'bottleneck']),
  layers: listOf(whole(0, 1024), 'whole numbers'),
  planes: listOf(whole(1, 65536), 'whole numbers'),
  stem: oneOf(STEMS),
  dim: whole(1, 65536),
  mlp: yesNo,
});

/** A number of images, or a name for a number that is known when the graph runs. */
export const BATCH_SIZE = either(whole(1), text('a name'));

/**
 * The spec of a named architecture whose first stage has `width` planes (64 in the paper); later stages have 2, 4 and 8
 * times as many.
 * @param options names as a configuration or a checkpoint has them: of ARCHITECTURES and STEMS
 * @throws MocoError usage for an architecture or a stem that there is not
 */
export function resnetSpec(
  options: { arch: string; width: number; stem: string } & Pick<ResNetSpec, 'dim' | 'mlp'>,
): ResNetSpec {
  expectArgument('resnetSpec', 'options', options, NAMED_SPEC);
  const { width, dim, mlp } = options;
  const arch = named('arch', options.arch, ARCHITECTURES);
  const stem = named('stem', options.stem, STEMS);
  return { ...SHAPES[arch], planes: [1, 2, 4, 8].map((factor) => factor * width), stem, dim, mlp };
}

function named<Name extends string>(what: string, name: string, known: readonly Name[]): Name {
  const found = known.find((one) => one === name);
  if (found) return found;
  throw new MocoError('usage', `unknown ${what} '${name}': choose one of ${known.join(', ')}`);
}

/**
 * Builds the encoder: image [batch, 3, size, size] → `embedding` [batch, dim] (not normalized) and `features`
 * [batch, featureDim] (after global average pooling).
 * @throws MocoError usage where the image is too small for the strides
 */
export function buildResNet(spec: ResNetSpec, batch: Dim, imageSize: number): Encoder {
  expectArgument('buildResNet', 'spec', spec, RESNET);
  expectArgument('buildResNet', 'batch', batch, BATCH_SIZE);
  expectArgument('buildResNet', 'imageSize', imageSize, whole(1, 65536));
  if (imageSize < SMALLEST_IMAGE[spec.stem]) {
    throw new MocoError('usage', `images of ${imageSize} px are too small for the ${spec.stem} stem`);
  }
  const net = new NetBuilder(batch, imageSize);
  let x = net.stem(spec.stem, spec.planes[0] ?? 0);
  spec.layers.forEach((blocks, stage) => {
    const planes = spec.planes[stage] ?? 0;
    for (let i = 0; i < blocks; i++) {
      const prefix = `layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = net.block(spec.block, x, prefix, planes, stride);
    }
  });
  return net.head(x, spec);
}

/** One residual block alone, as the tests grade it: input `x` [batch, channels, size, size], output `y`. */
export function buildBlock(
  block: ResNetSpec['block'],
  options: { batch: Dim; channels: number; size: number; planes: number; stride: number },
): Encoder {
  const net = new NetBuilder(options.batch, options.size, 'x', options.channels);
  const x = net.block(block, { name: 'x', channels: options.channels }, '', options.planes, options.stride);
  return net.finish({ y: [x.name, [options.batch, x.channels, 'h', 'w']] }, x.channels, x.channels);
}

interface Activation {
  readonly name: string;
  readonly channels: number;
}

class NetBuilder {
  readonly #g = new GraphBuilder('encoder', 'e');
  readonly #parameters: Parameter[] = [];
  readonly #batchNorms: { name: string; channels: number }[] = [];
  readonly #batch: Dim;
  readonly #input: Activation;

  constructor(batch: Dim, size: number, input = 'image', channels = 3) {
    this.#batch = batch;
    this.#input = { name: this.#g.input(input, [batch, channels, size, size]), channels };
  }

  stem(kind: ResNetSpec['stem'], planes: number): Activation {
    const imagenet = kind === 'imagenet';
    const conv = this.#conv(this.#input, 'conv1', planes, imagenet ? 7 : 3, imagenet ? 2 : 1);
    const active = this.#relu(this.#batchNorm(conv, 'bn1'));
    if (!imagenet) return active;
    const window = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    return { name: this.#g.op('MaxPool', [active.name], window, 'maxpool'), channels: planes };
  }

  block(
    kind: ResNetSpec['block'],
    x: Activation,
    prefix: string,
    planes: number,
    stride: number,
  ): Activation {
    const at = (name: string) => (prefix === '' ? name : `${prefix}.${name}`);
    const bottleneck = kind === 'bottleneck';
    const channels = bottleneck ? planes * 4 : planes;
    const layers = bottleneck
      ? [
          { planes, kernel: 1, stride: 1 },
          { planes, kernel: 3, stride },
          { planes: channels, kernel: 1, stride: 1 },
        ]
      : [
          { planes, kernel: 3, stride },
          { planes, kernel: 3, stride: 1 },
        ];
    let y = x;
    layers.forEach((layer, i) => {
      const conv = this.#conv(y, at(`conv${i + 1}`), layer.planes, layer.kernel, layer.stride);
      y = this.#batchNorm(conv, at(`bn${i + 1}`));
      if (i < layers.length - 1) y = this.#relu(y);
    });
    let identity = x;
    if (stride !== 1 || x.channels !== channels) {
      identity = this.#batchNorm(this.#conv(x, at('downsample.0'), channels, 1, stride), at('downsample.1'));
    }
    const sum = this.#g.op('Add', [y.name, identity.name], {}, at('add'));
    return this.#relu({ name: sum, channels });
  }

  head(x: Activation, spec: ResNetSpec): Encoder {
    const pooled = this.#g.op('GlobalAveragePool', [x.name], {}, 'avgpool');
    const features = this.#g.op('Flatten', [pooled], { axis: 1 }, 'features');
    if (!spec.mlp) {
      this.#linear(features, 'fc', x.channels, spec.dim, 'embedding');
    } else {
      const hidden = this.#linear(features, 'fc.0', x.channels, x.channels, 'fc.0.out');
      this.#linear(this.#g.op('Relu', [hidden], {}, 'fc.1.out'), 'fc.2', x.channels, spec.dim, 'embedding');
    }
    const outputs: Record<string, [string, Dim[]]> = {
      embedding: ['embedding', [this.#batch, spec.dim]],
      features: ['features', [this.#batch, x.channels]],
    };
    return this.finish(outputs, x.channels, spec.dim);
  }

  /** outputs: name → [value, shape]; a value of another name is passed through an Identity. */
  finish(outputs: Record<string, [string, Dim[]]>, featureDim: number, dim: number): Encoder {
    for (const [name, [value, shape]] of Object.entries(outputs)) {
      if (value !== name) this.#g.op('Identity', [value], {}, name);
      this.#g.output(name, shape);
    }
    return {
      graph: this.#g.build(),
      parameters: this.#parameters,
      batchNorms: this.#batchNorms,
      featureDim,
      dim,
    };
  }

  #parameter(name: string, shape: number[], initialization: Initialization, fanIn = 0): string {
    this.#parameters.push({ name, shape, initialization, fanIn });
    return this.#g.input(name, shape);
  }

  #conv(x: Activation, name: string, channels: number, kernel: number, stride: number): Activation {
    const weight = this.#parameter(
      `${name}.weight`,
      [channels, x.channels, kernel, kernel],
      'kaiming-fan-out',
    );
    const pad = (kernel - 1) / 2;
    const window = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return { name: this.#g.op('Conv', [x.name, weight], window, `${name}.out`), channels };
  }

  #batchNorm(x: Activation, name: string): Activation {
    const channels = x.channels;
    this.#batchNorms.push({ name, channels });
    const inputs = [
      x.name,
      this.#parameter(`${name}.weight`, [channels], 'ones'),
      this.#parameter(`${name}.bias`, [channels], 'zeros'),
      this.#g.input(`${name}.running_mean`, [channels]),
      this.#g.input(`${name}.running_var`, [channels]),
    ];
    const attributes = { epsilon: { float: BN_EPSILON } };
    const node = { name, op: 'BatchNormalization', domain: '', inputs, outputs: [`${name}.out`], attributes };
    this.#g.node(node);
    return { name: `${name}.out`, channels };
  }

  #relu(x: Activation): Activation {
    return { name: this.#g.op('Relu', [x.name], {}, `${x.name}.relu`), channels: x.channels };
  }

  #linear(x: string, name: string, from: number, to: number, output: string): string {
    const weight = this.#parameter(`${name}.weight`, [to, from], 'linear-weight', from);
    const bias = this.#parameter(`${name}.bias`, [to], 'linear-bias', from);
    return this.#g.op('Gemm', [x, weight, bias], { transB: 1 }, output);
  }
}
