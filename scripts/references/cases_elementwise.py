"""Activations, arithmetic with broadcasting, reductions."""
import torch
from torch import nn
from torch.nn import functional as F

from cases import case, expression, normal, ones, positive

SHAPE = (3, 4, 5)


def unary(name, function, **options):
    case(name, expression(function), SHAPE, **options)


def activation(name, module, shape=SHAPE, **options):
    case(name, module, shape, **options)


# Activations
activation('relu', nn.ReLU, opsets=(13, 11, 14))
activation('leaky-relu', lambda: nn.LeakyReLU(0.2), opsets=(13, 16))
activation('prelu', nn.PReLU)
activation('prelu-channels', lambda: Slopes(4), opsets=(13, 11, 16))
activation('prelu-channels-2d', lambda: Slopes(3), (2, 3, 4, 4))
activation('prelu-channels-rows', lambda: Slopes(4), (6, 4), mode='training')
activation('sigmoid', nn.Sigmoid)
activation('hard-sigmoid', nn.Hardsigmoid, low=-5, high=5, opsets=(13, 14))
activation('hard-swish', nn.Hardswish, low=-5, high=5, opsets=(13, 14))
activation('silu', nn.SiLU)
activation('tanh', nn.Tanh)
activation('softplus', nn.Softplus)
activation('softsign', nn.Softsign)
activation('elu', lambda: nn.ELU(0.7))
activation('selu', nn.SELU)
activation('celu', lambda: nn.CELU(0.7))
activation('mish', nn.Mish)
activation('log-sigmoid', nn.LogSigmoid)
activation('gelu', nn.GELU, opsets=(13, 11))
activation('gelu-tanh', lambda: nn.GELU('tanh'))
activation('quick-gelu', expression(lambda x: x * torch.sigmoid(1.702 * x)))
activation('glu', lambda: nn.GLU(1))
activation('relu6', nn.ReLU6, low=-9, high=9, opsets=(13, 11))
activation('relu-squared', expression(lambda x: F.relu(x) ** 2))
unary('erf', torch.erf)
for axis in (0, 1, -1):
    unary(f'softmax-axis{axis}', lambda x, axis=axis: torch.softmax(x, axis), opsets=(13, 11))
    unary(f'log-softmax-axis{axis}', lambda x, axis=axis: torch.log_softmax(x, axis), opsets=(13, 12))
unary('log-sum-exp', lambda x: torch.logsumexp(x, 1))

# Functions of one tensor
unary('exp', torch.exp)
unary('log', torch.log, low=0.2)
unary('log2', torch.log2, low=0.2)
unary('log1p', torch.log1p, low=0.2)
unary('sqrt', torch.sqrt, low=0.2)
unary('rsqrt', torch.rsqrt, low=0.2)
unary('square', lambda x: x**2, opsets=(13, 11))
unary('cube', lambda x: x**3)
unary('power-fraction', lambda x: x**1.5, low=0.2)
unary('power-negative', lambda x: x**-2, low=0.4)
unary('power-half', lambda x: x**0.5, low=0.2)
unary('power-base-two', lambda x: 2**x)
case('power-tensors', expression(lambda x, p: x**p, (normal, *SHAPE)), SHAPE, low=0.2, dynamic=())
case('power-exponent-channels', expression(lambda x, p: x**p, (normal, 4, 1)), SHAPE, low=0.2)
case('power-base-channels', expression(lambda x, p: p**x, (positive, 5)), SHAPE)
unary('abs', torch.abs)
unary('neg', torch.neg)
unary('reciprocal', lambda x: 1 / x, low=0.2)
unary('sign-product', lambda x: x * torch.sign(x) * x)
unary('sin-cos', lambda x: torch.sin(x) + torch.cos(2 * x))
unary('clamp', lambda x: x.clamp(-1, 1.2), opsets=(13, 11, 12))
unary('clamp-min', lambda x: x.clamp(min=-0.52))
unary('clamp-max', lambda x: x.clamp(max=0.53))
unary('cast', lambda x: (x.double() * 1.5).float())
unary('identity', nn.Identity())
case('dropout-eval', lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3)), SHAPE)
case('dropout-training-zero', lambda: nn.Sequential(nn.Dropout(0.0), nn.Linear(5, 3)), SHAPE, opsets=(13, 12), mode='training')

# Two tensors, with broadcasting of every kind
KINDS = {
    'same': SHAPE,
    'scalar': (),
    'one': (1,),
    'last': (5,),
    'channels': (4, 1),
    'ones': (1, 4, 1),
    'batch': (3, 1, 1),
    'more-axes': (2, 3, 1, 1),
}
OPERATIONS = {'add': torch.add, 'sub': torch.sub, 'mul': torch.mul, 'div': torch.div, 'min': torch.minimum,
              'max': torch.maximum}
for operation, function in OPERATIONS.items():
    for kind, shape in KINDS.items():
        if operation in ('min', 'max') and kind not in ('same', 'channels', 'more-axes'):
            continue
        fixed = kind in ('same', 'batch', 'more-axes')
        case(f'{operation}-{kind}', expression(lambda x, p, f=function: f(x, p), (positive, *shape)), SHAPE,
             dynamic=() if fixed else None)
for operation in ('sub', 'div'):
    case(f'{operation}-reversed', expression(lambda x, p, f=OPERATIONS[operation]: f(p, x), (normal, 4, 1)), SHAPE, low=0.3)
case('add-input-broadcast', expression(lambda x, p: x + p, (normal, 3, 4, 5)), (4, 1), dynamic=())
case('mul-input-broadcast', expression(lambda x, p: x * p, (normal, 3, 4, 5)), (1, 5), dynamic=())
case('add-outer', expression(lambda x, p: x + p, (normal, 1, 4)), (3, 1))
unary('add-constant', lambda x: 3 - (x + 0.5) * 2 / 3)
unary('add-self', lambda x: x + x)
case('add-alpha', expression(lambda x, p: torch.add(x, p, alpha=2), (normal, 5)), SHAPE, mode='training')
case('equal-parameters', expression(lambda x, a, b: torch.tanh(x * a) * b, (ones, 5), (ones, 5)), SHAPE)
case('layer-scale', expression(lambda x, g: x + g * torch.tanh(x), (normal, 3, 1, 1)), (2, 3, 4, 4))
case('lerp', expression(lambda x, p: torch.lerp(x, p, 0.3), (normal, 4, 5)), SHAPE)

# Reductions
REDUCTIONS = {'mean': torch.mean, 'sum': torch.sum, 'max': torch.amax, 'min': torch.amin,
              'l2': lambda x, axes, keepdim: torch.norm(x, 2, axes, keepdim),
              'l1': lambda x, axes, keepdim: torch.norm(x, 1, axes, keepdim)}
for name, function in REDUCTIONS.items():
    for axes in ((1,), (-1,), (0, 2), (1, 2)):
        for keepdim in (True, False):
            if name == 'l1' and (axes != (1,) or not keepdim):
                continue
            label = ''.join(str(axis) for axis in axes) + ('-keepdim' if keepdim else '')
            batch = None if keepdim or 0 not in axes else ()
            opsets = (13, 11) if name in ('mean', 'sum') and axes == (1, 2) else (13,)
            case(f'reduce-{name}-{label}', expression(lambda x, f=function, a=axes, k=keepdim: f(x, a, k)), SHAPE, opsets,
                 dynamic=() if 0 in axes else batch)
unary('reduce-mean-all', lambda x: (x * x).mean().reshape(1), dynamic=())
unary('reduce-sum-all', lambda x: (x * x).sum().reshape(1), dynamic=())
unary('max-values', lambda x: x.max(1).values)
unary('variance', lambda x: x.var(1, keepdim=True))
unary('standard-deviation', lambda x: x.std(-1, unbiased=False))


class Slopes(nn.PReLU):
    """A PReLU with a slope a channel, all different."""

    def __init__(self, channels):
        super().__init__(channels)
        nn.init.uniform_(self.weight, 0.1, 0.9)
