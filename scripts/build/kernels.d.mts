export const KERNEL_OPTIONS: readonly string[];
export const AUGMENT_OPTIONS: readonly string[];
