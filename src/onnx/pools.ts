/** How tokens become one vector an image: the first of them (a class token), or their mean. */
export const POOLS = ['first', 'mean'] as const;
export type Pool = (typeof POOLS)[number];
