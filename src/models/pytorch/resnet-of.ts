/** Which ResNet a set of tensors is, from names and shapes alone: what a file calls itself is not asked. */
import { MocoError } from '../../errors.ts';
import { ARCHITECTURES } from '../../onnx/architectures.ts';
import { BATCH, buildNetwork, type ImportedNetwork } from '../../onnx/network.ts';
import { networkFromGraph } from '../../onnx/network-file.ts';
import { type ResNetSpec, resnetSpec } from '../../onnx/resnet.ts';

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Blocks of a stage: more than any ResNet has. */
const MOST_BLOCKS = 1000;
const MOST_STAGES = 16;
const MOST_CHANNELS = 2 ** 16;

export interface FoundResNet {
  readonly spec: ResNetSpec;
  /** Whether the head is one of ours: one layer, or two with a hidden one as wide as the features. */
  readonly head: boolean;
}

/** @throws MocoError model-invalid where it is no such ResNet, saying what it lacks */
export function resnetOf(shapes: Shapes): FoundResNet {
  const stem = stemOf(shapes);
  const block = shapes.has('layer1.0.conv3.weight') ? 'bottleneck' : 'basic';
  const layers: number[] = [];
  const planes: number[] = [];
  for (let stage = 1; stage <= MOST_STAGES && shapes.has(`layer${stage}.0.conv1.weight`); stage++) {
    let blocks = 1;
    while (blocks < MOST_BLOCKS && shapes.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
    layers.push(blocks);
    planes.push(shapes.get(`layer${stage}.0.conv1.weight`)![0]!);
  }
  if (layers.length === 0) throw unknown('there is no layer1.0.conv1.weight');
  const odd = planes.find((channels) => channels < 1 || channels > MOST_CHANNELS);
  if (odd !== undefined) throw unknown(`a stage of ${odd} channels`);
  const features = planes.at(-1)! * (block === 'bottleneck' ? 4 : 1);
  const head = headOf(shapes, features);
  return {
    spec: { block, layers, planes, stem, ...(head ?? { dim: 128, mlp: false }) },
    head: head !== null,
  };
}

function stemOf(shapes: Shapes): ResNetSpec['stem'] {
  const kernel = shapes.get('conv1.weight')?.[2];
  if (kernel === 7) return 'imagenet';
  if (kernel === 3) return 'cifar';
  throw unknown(
    `conv1.weight is ${kernel === undefined ? 'missing' : `[${shapes.get('conv1.weight')}]`}; stems of 7×7 and 3×3 are known`,
  );
}

function headOf(shapes: Shapes, features: number): { dim: number; mlp: boolean } | null {
  const one = shapes.get('fc.weight');
  if (one?.length === 2 && one[1] === features) return { dim: one[0]!, mlp: false };
  const [hidden, last] = [shapes.get('fc.0.weight'), shapes.get('fc.2.weight')];
  const isMlp = last?.length === 2 && last[1] === features && String(hidden) === `${features},${features}`;
  return isMlp && shapes.has('fc.2.bias') && shapes.has('fc.0.bias') ? { dim: last[0]!, mlp: true } : null;
}

export interface NamedNetwork {
  /** What a configuration calls it. */
  readonly settings: { readonly arch: string; readonly width?: number; readonly stem?: string };
  /** Of a ResNet that is none of the built-in ones: its graph goes with the checkpoint, as that of an ONNX file does. */
  readonly network: ImportedNetwork | null;
}

/** @throws MocoError usage where the image is too small for it */
export function nameNetwork(spec: ResNetSpec, imageSize: number): NamedNetwork {
  const { stem, planes, layers, block } = spec;
  const [width = 0] = planes;
  for (const arch of ARCHITECTURES) {
    const known = resnetSpec({ ...spec, arch, width });
    const same =
      known.block === block &&
      String(known.layers) === String(layers) &&
      String(known.planes) === String(planes);
    if (same && width <= 4096) return { settings: { arch, width, stem }, network: null };
  }
  const network = networkFromGraph(buildNetwork(spec, BATCH, imageSize).graph);
  return { settings: { arch: `resnet-${block}-${layers.join('-')}-w${width}.onnx` }, network };
}

/** Such a network for images of another size. */
export function withImageSize({ graph, parameters }: ImportedNetwork, imageSize: number): ImportedNetwork {
  const [image, ...others] = graph.inputs;
  const resized = { ...image!, shape: [...image!.shape.slice(0, 2), imageSize, imageSize] };
  return { graph: { ...graph, inputs: [resized, ...others] }, parameters };
}

function unknown(what: string): MocoError {
  return new MocoError('model-invalid', `no ResNet of torchvision's kind: ${what}`);
}
