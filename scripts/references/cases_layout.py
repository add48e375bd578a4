"""Pooling, and everything that moves data without computing on it; blocks made of these."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from cases import case, expression, normal

MAP = (2, 3, 6, 6)


def layout(name, function, shape=(3, 4, 5), **options):
    case(name, expression(function), shape, **options)


# Pooling
case('max-pool', lambda: nn.MaxPool2d(3, 2, 1), (2, 3, 7, 6), opsets=(13, 11, 12))
case('max-pool-plain', lambda: nn.MaxPool2d(2), MAP)
case('max-pool-rest', lambda: nn.MaxPool2d(2), (2, 3, 7, 5))
case('max-pool-ceil', lambda: nn.MaxPool2d(3, 2, ceil_mode=True), MAP)
case('max-pool-overlap', lambda: nn.MaxPool2d(3, 1, 1), (2, 3, 5, 5))
case('max-pool-dilation', lambda: nn.MaxPool2d(2, 1, dilation=2), MAP)
case('max-pool-mixed', lambda: nn.MaxPool2d((2, 3), (2, 1), (0, 1)), MAP)
case('max-pool-1d', lambda: nn.MaxPool1d(3, 2, 1), (2, 3, 9))
case('average-pool', lambda: nn.AvgPool2d(2), MAP, opsets=(13, 11))
case('average-pool-padding', lambda: nn.AvgPool2d(3, 2, 1), (2, 3, 7, 6), opsets=(13, 11))
case('average-pool-exclude-padding', lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 7, 6))
case('average-pool-ceil', lambda: nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False), (2, 3, 5, 7))
case('average-pool-rest', lambda: nn.AvgPool2d(3, 2), MAP)
case('average-pool-1d', lambda: nn.AvgPool1d(3, 2, 1), (2, 3, 9))
case('adaptive-average-1', lambda: nn.AdaptiveAvgPool2d(1), MAP, opsets=(13, 11))
case('adaptive-average-1d', lambda: nn.AdaptiveAvgPool1d(1), (2, 3, 7))
case('adaptive-average-2x3', lambda: nn.AdaptiveAvgPool2d((2, 3)), MAP, dynamic=())
case('adaptive-average-same', lambda: nn.AdaptiveAvgPool2d(6), MAP, dynamic=())
case('adaptive-max-1', lambda: nn.AdaptiveMaxPool2d(1), MAP)
layout('pool-flatten', lambda x: torch.flatten(F.adaptive_avg_pool2d(x, 1), 1), MAP, dynamic=('x', 'y'))
layout('upsample-nearest', lambda x: F.interpolate(x, scale_factor=2.0), (2, 3, 3, 4))
layout('upsample-nearest-odd', lambda x: F.interpolate(x, size=(5, 7), mode='nearest'), (2, 3, 3, 4), opsets=(13, 11))
layout('upsample-bilinear', lambda x: F.interpolate(x, scale_factor=2.0, mode='bilinear'), (2, 3, 3, 4), opsets=(13, 11))
layout('upsample-bilinear-corners', lambda x: F.interpolate(x, size=(5, 7), mode='bilinear', align_corners=True), (2, 3, 3, 4))
layout('upsample-bicubic', lambda x: F.interpolate(x, size=(5, 6), mode='bicubic'), (2, 3, 4, 4))
layout('downsample-bilinear', lambda x: F.interpolate(x, size=(2, 3), mode='bilinear'), (2, 3, 5, 6))
layout('upsample-linear-1d', lambda x: F.interpolate(x, scale_factor=2.0, mode='linear'), (2, 3, 5))

# Joining and cutting
layout('concat', lambda x: torch.cat([x, 2 * x, x.tanh()], 1))
layout('concat-last', lambda x: torch.cat([x, x * x], -1))
case('concat-parameter', expression(lambda x, p: torch.cat([p.expand(x.shape[0], 1, 5), x], 1), (normal, 1, 1, 5)),
     (3, 4, 5), dynamic=('x', 'y'))
case('concat-parameter-fixed', expression(lambda x, p: torch.cat([x, p], 0), (normal, 2, 4, 5)), (3, 4, 5), dynamic=())
layout('stack', lambda x: torch.stack([x, x * x], 2))
layout('split', lambda x: (lambda a, b: a * b)(*x.chunk(2, 1)), opsets=(13, 11))
layout('split-uneven', lambda x: (lambda a, b, c: a * c + b)(*x.split((1, 3, 1), 2)), opsets=(13, 11))
layout('split-one-unused', lambda x: x.chunk(2, 1)[1])
layout('unbind', lambda x: (lambda a, b, c, d: a * b + c * d)(*x.unbind(1)))
layout('slice', lambda x: x[:, 1:3], opsets=(13, 11))
layout('slice-step', lambda x: x[:, ::2, 1::3])
layout('slice-negative', lambda x: x[:, -3:-1, :-1])
layout('slice-open', lambda x: x[:, 2:])
layout('slice-batch', lambda x: x[1:], dynamic=())
layout('focus', lambda x: torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1), MAP)
layout('select', lambda x: x[:, 0])
layout('select-last', lambda x: x[:, -1])
layout('select-last-axis', lambda x: x[..., 2] * x[..., 0])
layout('flip', lambda x: x.flip(2))
layout('roll', lambda x: torch.roll(x, (1, 2), (1, 2)))
layout('index-select', lambda x: x.index_select(1, torch.tensor([2, 0, 2])))
layout('index-list', lambda x: x[:, [3, 1, 1, 0]])
case('embedding-rows', expression(lambda x, w: x @ w[torch.tensor([[0, 2], [2, 4]])].flatten(0, 1).t(), (normal, 6, 5)),
     (3, 5))
case('position-embedding', expression(
    lambda x, w: x + F.embedding(torch.arange(x.shape[1]), w), (normal, 6, 5)), (3, 4, 5), dynamic=('x', 'y'))
layout('pad', lambda x: F.pad(x, (1, 2)), opsets=(13, 11))
layout('pad-2d', lambda x: F.pad(x, (1, 0, 2, 1)), (2, 3, 3, 4))
layout('pad-value', lambda x: F.pad(x, (0, 1, 1, 0), value=0.5))
layout('pad-crop', lambda x: F.pad(x, (-1, 2, 1, -1)), (2, 3, 4, 5))
layout('pad-reflect', lambda x: F.pad(x, (2, 1, 1, 2), mode='reflect'), (2, 3, 4, 4), opsets=(13, 11))
layout('pad-edge', lambda x: F.pad(x, (2, 1, 1, 2), mode='replicate'), (2, 3, 4, 4))

# Shapes
layout('view-batch', lambda x: x.view(x.shape[0], -1), dynamic=('x', 'y'), opsets=(13, 11))
layout('view-heads', lambda x: x.reshape(x.shape[0], x.shape[1], 2, 3).transpose(1, 2), (2, 3, 6), dynamic=('x', 'y'))
layout('view-arithmetic', lambda x: x.view(x.size(0) * x.size(1), x.size(2)), dynamic=('x',))
layout('view-fixed', lambda x: x.reshape(3, 2, 10), dynamic=())
layout('flatten', lambda x: x.flatten(1), MAP, opsets=(13, 11))
layout('flatten-middle', lambda x: x.flatten(2).transpose(1, 2), MAP)
layout('flatten-start', lambda x: x.flatten(0, 1), dynamic=('x',))
layout('squeeze', lambda x: x.squeeze(1), (3, 1, 5), opsets=(13, 11))
layout('squeeze-all', lambda x: x.squeeze(), (3, 1, 5, 1), dynamic=())
layout('unsqueeze', lambda x: x.unsqueeze(1) * x.unsqueeze(-1), (3, 5), opsets=(13, 11))
layout('transpose', lambda x: x.transpose(1, 2))
layout('transpose-batch', lambda x: x.permute(2, 0, 1), dynamic=('x',))
layout('permute', lambda x: x.permute(0, 2, 3, 1), (2, 3, 4, 5))
layout('expand', lambda x: x.expand(-1, 4, -1), (3, 1, 5))
case('expand-parameter', expression(lambda x, p: p.expand(x.shape[0], -1, -1) * x, (normal, 1, 4, 5)), (3, 4, 5),
     dynamic=('x', 'y'))
layout('expand-as', lambda x: x.mean(1, keepdim=True).expand_as(x))
layout('repeat', lambda x: x.repeat(1, 2, 3), (3, 2, 4))
layout('channel-shuffle', lambda x: x.view(x.shape[0], 2, 3, 3, 2).transpose(1, 2).reshape(x.shape[0], 6, 3, 2),
       (2, 6, 3, 2), dynamic=('x', 'y'))
layout('channel-shuffle-fixed', lambda x: x.view(2, 2, 3, 3, 2).transpose(1, 2).reshape(2, 6, 3, 2), (2, 6, 3, 2),
       dynamic=())
layout('pixel-shuffle', nn.PixelShuffle(2), (2, 8, 2, 3))
layout('pixel-unshuffle', nn.PixelUnshuffle(2), MAP)
layout('where', lambda x: torch.where(x > 0.32, x * x, 0.1 * x), opsets=(13, 16))
case('where-parameter', expression(lambda x, p: torch.where(x < 0.53, x, p), (normal, 4, 1)), (3, 4, 5))
layout('masked-fill', lambda x: x.masked_fill(torch.ones(5, 5).triu(1).bool(), -1e4).softmax(-1), (2, 5, 5))
layout('masked-multiply', lambda x: x * (x > 0).float())


# Blocks
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class TorchAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        scale = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1))))
        return x * F.hardsigmoid(scale)


case('attention', lambda: Attention(8, 2), (2, 4, 8), opsets=(13, 11))
case('attention-training', lambda: Attention(8, 2), (2, 4, 8), mode='training', dynamic=('x', 'y'))
case('multihead-attention', lambda: TorchAttention(8, 2), (2, 4, 8), dynamic=(), opsets=(13, 17))
case('multihead-attention-training', lambda: TorchAttention(8, 2), (2, 4, 8), mode='training', dynamic=('x', 'y'))
case('transformer-layer', lambda: nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True, norm_first=True), (2, 3, 4),
     mode='training')
case('squeeze-excitation', lambda: SqueezeExcitation(6, 3), (2, 6, 3, 3), opsets=(13, 14))
case('head-mlp', lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)), (4, 6), mode='training')
case('residual', expression(lambda x, w: F.relu(x + F.conv2d(F.relu(x), w, padding=1)), (normal, 3, 3, 3, 3)), (2, 3, 5, 5))
