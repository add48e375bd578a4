export const KERNEL_OPTIONS: readonly string[];
