"""torchvision's encoders with every kind of block they have, but narrow: 20,000 to 70,000 weights, 10 classes."""
from functools import partial

import torch
from torch import nn
from torchvision.models import convnext, densenet, efficientnet, mobilenetv2, mobilenetv3, regnet, resnet, shufflenetv2
from torchvision.models import vgg, vision_transformer
from torchvision.ops.misc import Conv2dNormActivation

CLASSES = 10


def resnet_of(block, layers, groups=1, width_per_group=64, divisor=16):
    """A ResNet whose every width is divided: its constructor has no setting for that."""
    model = resnet.ResNet(block, layers, CLASSES, groups=groups, width_per_group=width_per_group)

    def narrow(module):
        for name, part in module.named_children():
            if isinstance(part, nn.Conv2d):
                colours = part.in_channels == 3
                channels = 3 if colours else part.in_channels // divisor, part.out_channels // divisor
                options = dict(stride=part.stride, padding=part.padding, groups=max(1, part.groups // divisor))
                setattr(module, name, nn.Conv2d(*channels, part.kernel_size, bias=False, **options))
            elif isinstance(part, nn.BatchNorm2d):
                setattr(module, name, nn.BatchNorm2d(part.num_features // divisor))
            else:
                narrow(part)

    narrow(model)
    model.fc = nn.Linear(model.fc.in_features // divisor, CLASSES)
    return model


def mobilenet_v2():
    settings = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 2, 2), (6, 64, 2, 2), (6, 96, 2, 1), (6, 160, 2, 2), (6, 320, 1, 1)]
    model = mobilenetv2.MobileNetV2(CLASSES, 0.1, settings, round_nearest=4)
    width = model.features[-1][0].in_channels  # the last layer is 1280 wide whatever the multiplier
    model.features[-1] = Conv2dNormActivation(
        width, 64, kernel_size=1, norm_layer=nn.BatchNorm2d, activation_layer=nn.ReLU6
    )
    model.classifier[1] = nn.Linear(64, CLASSES)
    return model


def mobilenet_v3_small():
    settings, _ = mobilenetv3._mobilenet_v3_conf('mobilenet_v3_small', width_mult=0.1)
    return mobilenetv3.MobileNetV3(settings, 32, CLASSES)


def densenet121():
    return densenet.DenseNet(4, (2, 4, 3, 2), num_init_features=8, num_classes=CLASSES)


def regnet_y_400mf():
    params = regnet.BlockParams([1, 2, 2, 1], [8, 16, 24, 32], [4, 8, 8, 8], [1.0] * 4, [2] * 4, se_ratio=0.5)
    return regnet.RegNet(params, CLASSES)


def efficientnet_b0():
    settings, _ = efficientnet._efficientnet_conf('efficientnet_b0', width_mult=0.1, depth_mult=0.3)
    return efficientnet.EfficientNet(settings, 0.0, stochastic_depth_prob=0.0, num_classes=CLASSES, last_channel=32)


def convnext_tiny():
    widths = (8, 12, 16, 32, None)
    settings = [convnext.CNBlockConfig(a, b, layers) for a, b, layers in zip(widths, widths[1:], (1, 1, 2, 1))]
    return convnext.ConvNeXt(settings, num_classes=CLASSES)


def vgg11_bn():
    settings = [4, 'M', 8, 'M', 16, 16, 'M', 24, 24, 'M', 24, 24, 'M']
    model = vgg.VGG(vgg.make_layers(settings, batch_norm=True), CLASSES)
    model.avgpool = nn.AdaptiveAvgPool2d(2)  # 7 at 224 pixels: the size that the map has there
    for layer, widths in ((0, (24 * 4, 32)), (3, (32, 32)), (6, (32, CLASSES))):
        model.classifier[layer] = nn.Linear(*widths)
    return model


def shufflenet_v2():
    return shufflenetv2.ShuffleNetV2([2, 3, 2], [8, 16, 32, 64, 64], CLASSES)


def vit_b_16():
    return vision_transformer.VisionTransformer(32, 8, 2, 4, 24, 48, num_classes=CLASSES)


ENCODERS = {
    'resnet18': partial(resnet_of, resnet.BasicBlock, [2, 1, 1, 1]),
    'resnet50': partial(resnet_of, resnet.Bottleneck, [2, 2, 1, 1]),
    'resnext50': partial(resnet_of, resnet.Bottleneck, [1, 2, 1, 1], 32, 4),
    'wide_resnet50': partial(resnet_of, resnet.Bottleneck, [1, 2, 1, 1], 1, 128, 32),
    'mobilenet_v2': mobilenet_v2,
    'mobilenet_v3_small': mobilenet_v3_small,
    'densenet121': densenet121,
    'regnet_y_400mf': regnet_y_400mf,
    'efficientnet_b0': efficientnet_b0,
    'convnext_tiny': convnext_tiny,
    'vgg11_bn': vgg11_bn,
    'shufflenet_v2': shufflenet_v2,
    'vit_b_16': vit_b_16,
}
