"""Records whole encoders of torchvision.

    python3 scripts/references/encoders.py --small [NAME...]
    python3 scripts/references/encoders.py --full --arch resnet50 --size 64 --batch 8 --out DIR

--small writes test/autodiff/references/encoders/: narrow models, 64 pixels (the transformer 32), 4 images; names are those
of the manifest. --full writes a model of full width with 1000 classes to DIR, with x and all of grad.x.
"""
import argparse
import os
import zlib

import torch
import torchvision
from torch import nn
from torch.fx.experimental.optimization import fuse
from torchvision.ops import StochasticDepth

from cases import randomize
from record import Unsuitable, record, write_manifest, write_safetensors
from small_encoders import ENCODERS

OUT = os.path.join(os.path.dirname(__file__), '../../test/autodiff/references/encoders')
BATCH = ('x', 'y')

# (encoder, mode, opset, open batch); each of the encoders in training mode, some in eval mode
SMALL = [
    ('resnet18', 'training', 13, BATCH),
    ('resnet18', 'eval', 13, BATCH),
    ('resnet50', 'training', 14, ()),
    ('resnext50', 'training', 13, ()),
    ('wide_resnet50', 'training', 12, BATCH),
    ('mobilenet_v2', 'training', 13, BATCH),
    ('mobilenet_v2', 'eval', 11, ()),
    ('mobilenet_v3_small', 'training', 14, ()),
    ('densenet121', 'training', 13, ()),
    ('densenet121', 'eval', 13, BATCH),
    ('regnet_y_400mf', 'training', 15, BATCH),
    ('efficientnet_b0', 'training', 13, ()),
    ('convnext_tiny', 'training', 17, BATCH),
    ('convnext_tiny', 'eval', 13, ()),
    ('vgg11_bn', 'training', 13, ()),
    ('shufflenet_v2', 'training', 13, BATCH),
    ('shufflenet_v2', 'preserve', 16, ()),
    ('vit_b_16', 'training', 17, BATCH),
    ('vit_b_16', 'training', 13, ()),
    ('vit_b_16', 'eval', 14, ()),
]


def prepared(model):
    """Random where torch starts at a constant, and without the randomness of training."""
    for part in model.modules():
        if isinstance(part, (nn.Dropout, StochasticDepth)):
            part.p = 0.0
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0
        if hasattr(part, 'layer_scale'):  # starts at 1e-6, which hides the block
            nn.init.normal_(part.layer_scale, std=0.5)
    return randomize(model)


def folded(model, initializers):
    """`model` with its batch normalizations folded into convolutions, holding the very weights of the exported file."""
    fused = fuse(model.eval())
    for value in fused.parameters():
        found = [
            torch.from_numpy(stored.copy())
            for stored in initializers.values()
            if stored.shape == value.shape and torch.allclose(torch.from_numpy(stored.copy()), value, 1e-4, 1e-6)
        ]
        if found:  # otherwise it is stored transposed, as it was
            value.data = found[0]
    return fused


def small(names):
    os.makedirs(OUT, exist_ok=True)
    inputs = {}
    for size in (64, 32):
        torch.manual_seed(size)
        inputs[size] = torch.randn(4, 3, size, size)
        write_safetensors(f'{OUT}/input-{size}.safetensors', {'x': inputs[size].numpy()})
    entries = []
    for encoder, mode, opset, dynamic in SMALL:
        name = f'{encoder}-{mode}-opset{opset}'
        if names and name not in names:
            continue
        size = 32 if encoder == 'vit_b_16' else 64
        for seed in range(100):
            torch.manual_seed(zlib.crc32(name.encode()) + seed)
            model = prepared(ENCODERS[encoder]())
            reference = (lambda stored: folded(model, stored)) if mode == 'eval' and 'vit' not in name else None
            try:
                shared = f'input-{size}.safetensors'
                entries.append(
                    record(OUT, name, model, inputs[size], opset, mode, dynamic, reference=reference, shared=shared)
                )
                break
            except Unsuitable as why:
                print(f'{why}, seed {seed}')
        print(name, entries[-1]['deviation']['all'], flush=True)
    write_manifest(OUT, entries)


def full(arch, size, batch, opset, seed, out):
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(seed)
    model = getattr(torchvision.models, arch)(**({'image_size': size} if arch.startswith('vit') else {}))
    if arch.startswith('vgg'):  # its pooling to 7 x 7 cannot be exported where the map is smaller than that
        model.avgpool = nn.AdaptiveAvgPool2d(size // 32)
        model.classifier[0] = nn.Linear(512 * (size // 32) ** 2, 4096)
    name = f'{arch}-{size}'
    entry = record(
        out, name, prepared(model), torch.randn(batch, 3, size, size), opset, 'training', BATCH, smooth=False
    )
    write_manifest(out, [entry], f'{name}.json')
    print(name, entry['deviation']['all'], 'moved', entry['moved'])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--small', nargs='*', metavar='NAME')
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--arch', default='resnet50')
    parser.add_argument('--size', type=int, default=64)
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--opset', type=int, default=13)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', default='.')
    options = parser.parse_args()
    if options.full:
        full(options.arch, options.size, options.batch, options.opset, options.seed, options.out)
    elif options.small is not None:
        small(options.small)
    else:
        parser.error('give --small or --full')


if __name__ == '__main__':
    main()
