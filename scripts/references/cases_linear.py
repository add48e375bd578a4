"""Convolutions, products, normalizations."""
import torch
from torch import nn

from cases import case, expression, normal

# Convolution
case('conv-1d', lambda: nn.Conv1d(3, 4, 3, padding=1), (2, 3, 9), opsets=(13, 11))
case('conv-1d-dilation-stride', lambda: nn.Conv1d(2, 3, 3, stride=2, dilation=2), (2, 2, 12))
case('conv-2d', lambda: nn.Conv2d(3, 4, 3, padding=1), (2, 3, 5, 5), opsets=(13, 11, 17))
case('conv-2d-pointwise', lambda: nn.Conv2d(4, 6, 1, bias=False), (2, 4, 3, 4))
case('conv-2d-pointwise-stride', lambda: nn.Conv2d(3, 4, 1, stride=2, bias=False), (2, 3, 6, 5))
case('conv-2d-stride-rest', lambda: nn.Conv2d(2, 3, 3, stride=2), (2, 2, 6, 8))
case('conv-2d-stride-padding-rest', lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False), (2, 2, 6, 8))
case('conv-2d-stride3', lambda: nn.Conv2d(2, 3, 2, stride=3), (2, 2, 7, 8))
case('conv-2d-kernel-padding-mixed', lambda: nn.Conv2d(2, 3, (3, 5), padding=(1, 2), stride=(2, 1)), (2, 2, 7, 6))
case('conv-2d-dilation', lambda: nn.Conv2d(2, 3, 3, dilation=2, padding=2), (2, 2, 7, 6))
case('conv-2d-dilation-stride', lambda: nn.Conv2d(2, 3, (3, 2), dilation=(2, 1), stride=2, padding=1), (2, 2, 8, 7))
case('conv-2d-groups', lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 5, 4))
case('conv-2d-groups-stride', lambda: nn.Conv2d(6, 6, 3, padding=1, groups=3, stride=2, bias=False), (2, 6, 6, 5))
case('conv-2d-depthwise', lambda: nn.Conv2d(5, 5, 3, padding=1, groups=5), (2, 5, 5, 5))
case('conv-2d-depthwise-stride', lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, stride=2, bias=False), (2, 4, 6, 6))
case('conv-2d-depthwise-multiplier', lambda: nn.Conv2d(3, 6, 3, padding=1, groups=3), (2, 3, 5, 5))
case('conv-2d-padding-asymmetric', lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 1, 2)), nn.Conv2d(2, 3, 3, stride=2)), (2, 2, 5, 6))
case('conv-2d-padding-reflect', lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode='reflect'), (2, 2, 5, 6))
case('conv-3d', lambda: nn.Conv3d(2, 2, 2, padding=1, stride=2), (2, 2, 4, 4, 4))
case('conv-patches', lambda: nn.Conv2d(3, 5, 4, stride=4), (2, 3, 8, 4))
case('conv-weight-standardized', expression(
    lambda x, w: nn.functional.conv2d(x, w / w.pow(2).mean((1, 2, 3), keepdim=True).sqrt()), (normal, 4, 2, 3, 3)
), (2, 2, 5, 5), mode='training')

# Transposed convolution
case('conv-transpose-1d', lambda: nn.ConvTranspose1d(3, 4, 3), (2, 3, 6))
case('conv-transpose-2d', lambda: nn.ConvTranspose2d(3, 4, 3, padding=1), (2, 3, 4, 4))
case('conv-transpose-2d-stride', lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), (2, 2, 4, 3), opsets=(13, 11))
case('conv-transpose-2d-output-padding', lambda: nn.ConvTranspose2d(
    2, 3, 3, stride=2, padding=1, output_padding=(1, 0)), (2, 2, 4, 3))
case('conv-transpose-2d-groups', lambda: nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (2, 4, 3, 3))
case('conv-transpose-2d-dilation', lambda: nn.ConvTranspose2d(2, 3, 2, dilation=2, bias=False), (2, 2, 4, 3))

# Products
case('linear', lambda: nn.Linear(6, 4), (5, 6), opsets=(13, 11))
case('linear-no-bias', lambda: nn.Linear(6, 4, bias=False), (5, 6))
case('linear-no-bias-training', lambda: nn.Linear(6, 4, bias=False), (5, 6), mode='training')
case('linear-tokens', lambda: nn.Linear(6, 4), (2, 3, 6))
case('linear-tokens-training', lambda: nn.Linear(6, 4), (2, 3, 6), mode='training')
case('linear-4d-training', lambda: nn.Linear(3, 4), (2, 2, 4, 3), mode='training')
case('gemm-addmm', expression(lambda x, w, b: torch.addmm(b, x, w, beta=0.5, alpha=2.0), (normal, 4, 3), (normal, 3)),
     (5, 4))
case('linear-shared', lambda: nn.Sequential(*[nn.Linear(4, 4)] * 2), (3, 4))
case('matmul', expression(lambda x, w: x @ w, (normal, 4, 3)), (5, 4))
case('matmul-left', expression(lambda x, w: w @ x, (normal, 3, 5)), (5, 4), dynamic=())
case('matmul-batched', expression(lambda x, w: x @ w, (normal, 2, 4, 3)), (2, 5, 4), dynamic=())
case('matmul-weight-broadcast', expression(lambda x, w: x @ w, (normal, 4, 3)), (2, 3, 5, 4))
case('matmul-weight-broadcast-ones', expression(lambda x, w: x @ w, (normal, 1, 3, 4, 2)), (2, 1, 5, 4))
case('matmul-input-broadcast', expression(lambda x, w: x @ w, (normal, 3, 2, 4, 3)), (5, 4), dynamic=())
case('matmul-left-broadcast', expression(lambda x, w: w @ x, (normal, 3, 5)), (2, 3, 5, 4))
case('matmul-vector-right', expression(lambda x, w: x @ w, (normal, 4)), (2, 5, 4))
case('matmul-vector-left', expression(lambda x, w: w @ x, (normal, 5)), (2, 5, 4))
case('matmul-vectors', expression(lambda x, w: x[:, 0, 0] @ w, (normal, 5)), (5, 2, 2), dynamic=())
case('matmul-self', expression(lambda x: x @ x.transpose(1, 2)), (2, 3, 4))
case('bmm', expression(lambda x, w: torch.bmm(w.expand(x.shape[0], 3, 5), x), (normal, 1, 3, 5)), (2, 5, 4))
case('einsum', expression(lambda x, w: torch.einsum('bij,jk->bki', x, w), (normal, 4, 3)), (2, 5, 4), opsets=(13, 12))

# Normalization
for mode, opsets in (('training', (13, 11, 14, 15)), ('preserve', (13, 14))):
    case(f'batch-norm-{mode}', lambda: nn.BatchNorm2d(3), (3, 3, 3, 4), opsets, mode)
    case(f'batch-norm-rows-{mode}', lambda: nn.BatchNorm1d(4), (6, 4), (13, 14), mode)
    case(f'batch-norm-1d-{mode}', lambda: nn.BatchNorm1d(4), (3, 4, 5), (13, 14), mode)
    case(f'batch-norm-plain-{mode}', lambda: nn.BatchNorm2d(3, affine=False, momentum=0.3, eps=1e-3), (3, 3, 3, 3),
         (13, 14), mode)
    case(f'conv-batch-norm-{mode}', lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU()), (3, 2, 5, 5), (13,), mode)
case('layer-norm', lambda: nn.LayerNorm(6), (2, 3, 6), opsets=(13, 17))
case('layer-norm-axes', lambda: nn.LayerNorm((3, 4)), (3, 3, 4), opsets=(13, 17))
case('layer-norm-plain', lambda: nn.LayerNorm(6, elementwise_affine=False), (4, 6))
case('layer-norm-training', lambda: nn.LayerNorm(6, eps=1e-3), (2, 3, 6), opsets=(13, 17), mode='training')
case('layer-norm-channels-first', lambda: nn.Sequential(Permute(0, 2, 3, 1), nn.LayerNorm(4), Permute(0, 3, 1, 2)),
     (2, 4, 3, 3), opsets=(13, 17))
case('instance-norm', lambda: nn.InstanceNorm2d(3, affine=True), (2, 3, 4, 4), opsets=(13, 11))
case('instance-norm-plain', lambda: nn.InstanceNorm2d(3), (2, 3, 4, 4))
case('instance-norm-1d', lambda: nn.InstanceNorm1d(3, affine=True), (2, 3, 7))
case('group-norm', lambda: nn.GroupNorm(2, 6), (2, 6, 3, 4), opsets=(13, 11))
case('group-norm-1d-training', lambda: nn.GroupNorm(3, 6), (2, 6, 5), mode='training')
case('group-norm-one-group', lambda: nn.GroupNorm(1, 4), (2, 4, 3, 3))
case('l2-normalize', expression(lambda x: nn.functional.normalize(x, dim=1)), (4, 6), opsets=(13, 11))
case('rms-norm', expression(lambda x, w: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w, (normal, 6)),
     (2, 3, 6))


class Permute(nn.Module):
    def __init__(self, *order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(self.order)
