/** Whose names a file has, and which of our names they mean: those that torchvision gives a ResNet. */
import type { TensorSource } from '../../checkpoint/save-piecewise.ts';

interface Layout {
  readonly name: string;
  /** Before the names of the encoder that learns, and of the one that follows it. */
  readonly query: string;
  readonly key: string | null;
}

/** Looked at in this order: the first that is found, with its key encoder if one has that. */
const LAYOUTS: readonly Layout[] = [
  { name: 'facebookresearch/moco', query: 'encoder_q.', key: 'encoder_k.' },
  { name: 'facebookresearch/moco-v3', query: 'base_encoder.', key: 'momentum_encoder.' },
  { name: 'solo-learn', query: 'backbone.', key: 'momentum_backbone.' },
  { name: 'lightly', query: 'backbone.', key: 'backbone_momentum.' },
  { name: 'solo-learn', query: 'encoder.', key: 'momentum_encoder.' },
  { name: 'lightly or solo-learn', query: 'backbone.', key: null },
  { name: 'an encoder', query: 'encoder.', key: null },
  { name: 'torchvision or timm', query: '', key: null },
];

/** What wrappers of PyTorch put before all names: DistributedDataParallel, torch.compile, Lightning. */
const WRAPPERS = /^(module\.|_orig_mod\.|model\.)+/;

export interface Recognized {
  readonly layout: string;
  /** By our names, without those of an encoder: `conv1.weight`, `fc.0.bias`, … */
  readonly query: ReadonlyMap<string, NamedSource>;
  readonly key: ReadonlyMap<string, NamedSource> | null;
  readonly queue: NamedSource | null;
  readonly pointer: NamedSource | null;
}

export interface NamedSource {
  /** The name in the file. */
  readonly name: string;
  readonly tensor: TensorSource;
}

/** null where no layout has a first convolution of a ResNet. */
export function recognize(tensors: ReadonlyMap<string, TensorSource>): Recognized | null {
  const all = new Map(
    [...tensors].map(([name, tensor]): [string, NamedSource] => [
      name.replace(WRAPPERS, ''),
      { name, tensor },
    ]),
  );
  for (const { name: layout, query, key } of LAYOUTS) {
    const found = encoderUnder(all, query);
    const follower = key === null ? null : encoderUnder(all, key);
    if (!found || (key !== null && !follower && layout !== 'facebookresearch/moco')) continue;
    return {
      layout,
      query: found,
      key: follower,
      queue: all.get('queue') ?? null,
      pointer: all.get('queue_ptr') ?? null,
    };
  }
  return null;
}

function encoderUnder(
  all: ReadonlyMap<string, NamedSource>,
  prefix: string,
): Map<string, NamedSource> | null {
  const own = [...all]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, source]): [string, NamedSource] => [
      name.slice(prefix.length).replace(/^net\./, ''),
      source,
    ]);
  const rename = own.some(([name]) => name === '0.weight') ? numbered(own) : (name: string) => name;
  const named = new Map(
    own.map(([name, source]) => [rename(name).replace(/\.shortcut\./, '.downsample.'), source]),
  );
  const conv1 = named.get('conv1.weight')?.tensor.shape;
  return conv1?.length === 4 && conv1[1] === 3 ? named : null;
}

/**
 * Of a torch.nn.Sequential of a ResNet's children, as lightly and the CIFAR notebook of MoCo have it: 0 and 1 are the stem, those with
 * blocks in them the stages, and one with a matrix is the head.
 */
function numbered(own: readonly (readonly [string, NamedSource])[]): (name: string) => string {
  const stages = new Set<string>();
  let head = '';
  for (const [name, { tensor }] of own) {
    const [first = '', second = ''] = name.split('.');
    if (/^\d+$/.test(first) && /^\d+$/.test(second)) stages.add(first);
    else if (/^\d+$/.test(first) && second === 'weight' && tensor.shape.length === 2) head = first;
  }
  const order = [...stages].sort((a, b) => Number(a) - Number(b));
  const names = new Map([
    ['0', 'conv1'],
    ['1', 'bn1'],
    ...order.map((stage, i): [string, string] => [stage, `layer${i + 1}`]),
    ...(head === '' ? [] : [[head, 'fc'] as const]),
  ]);
  return (name) => {
    const [first = '', ...rest] = name.split('.');
    return [names.get(first) ?? first, ...rest].join('.');
  };
}
