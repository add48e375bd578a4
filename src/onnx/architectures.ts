/** The networks that settings may name, apart from how they are built. */

/** Blocks of each stage. */
export const SHAPES = {
  resnet18: { block: 'basic', layers: [2, 2, 2, 2] },
  resnet34: { block: 'basic', layers: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', layers: [3, 4, 6, 3] },
} as const;

export const ARCHITECTURES = Object.keys(SHAPES) as readonly (keyof typeof SHAPES)[];

/** By stem: the smallest side of an image that leaves 1×1 after the last stage. The stems shrink it 32 and 8 times. */
export const SMALLEST_IMAGE = { imagenet: 32, cifar: 8 } as const;

export const STEMS = Object.keys(SMALLEST_IMAGE) as readonly (keyof typeof SMALLEST_IMAGE)[];
