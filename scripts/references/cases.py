"""How the tables of cases are written: a case is a module, the shape of its input, and what to export it with."""
import zlib

import torch
from torch import nn

CASES = {}


class Expression(nn.Module):
    """y = function(x, *parameters)."""

    def __init__(self, function, *parameters):
        super().__init__()
        self.function = function
        self.p = nn.ParameterList(parameters)

    def forward(self, x):
        return self.function(x, *self.p)


def normal(*shape):
    return nn.Parameter(torch.randn(shape))


def positive(*shape):
    return nn.Parameter(torch.rand(shape) + 0.5)


def ones(*shape):
    return nn.Parameter(torch.ones(shape))


def apart(*shape, low=-2.0, high=2.0):
    """Numbers of [low, high] in random order, equally far apart: no ties, and none within half a step of the middle."""
    count = torch.Size(shape).numel()
    steps = (torch.randperm(count).double() + 0.5) / count
    return (low + (high - low) * steps).float().reshape(shape)


def randomize(module):
    """Draws what torch starts at 0 or 1 (norms' weights and biases, running statistics), so that no two are equal."""
    for part in module.modules():
        affine = [v for k, v in part.named_parameters(recurse=False) if k in ('weight', 'bias')]
        if 'Norm' in type(part).__name__ and affine:
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
        if getattr(part, 'running_mean', None) is not None:
            nn.init.normal_(part.running_mean, std=0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
        for name, value in part.named_parameters(recurse=False):
            if not value.any():  # biases of attention, position embeddings
                nn.init.normal_(value, std=0.3)
    return module


def case(name, module, shape, opsets=(13,), mode='eval', dynamic=None, low=-2.0, high=2.0, **options):
    """Adds a case: `module` is called to make the module, or an Expression is made of a (function, parameters...) tuple.

    `dynamic` names the tensors whose first dimension is the open batch; left out, half of the cases have it in x and y.
    """
    if dynamic is None:
        dynamic = ('x', 'y') if zlib.crc32(name.encode()) & 1 else ()
    for opset in opsets:
        key = name if opset == opsets[0] else f'{name}-opset{opset}'
        assert key not in CASES, key
        CASES[key] = dict(
            module=module, shape=shape, opset=opset, mode=mode, dynamic=dynamic, low=low, high=high, **options
        )


def expression(function, *parameters):
    """A module maker; `parameters` are made anew with it: (maker, *shape) each."""
    return lambda: Expression(function, *[maker(*shape) for maker, *shape in parameters])
