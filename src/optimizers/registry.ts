/** The optimizers that there are. */
export const OPTIMIZER_NAMES = ['sgd'] as const;
