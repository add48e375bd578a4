/** Neighbors and temperature where nobody says, as in the papers (Wu et al., arXiv:1805.01978). */
export const KNN = { k: 200, t: 0.1 } as const;
