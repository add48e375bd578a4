/** The methods that there are. */
export const METHOD_NAMES = ['moco'] as const;
