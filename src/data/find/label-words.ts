/** Labels from words: of a list, or of samples in a tar archive. */

/**
 * The classes that words name, and the number of each: sorted, numbers in their order, so that label 2 is class 2 where all are
 * there.
 * @param words of each image, '' of one without a class
 */
export function classesOf(words: Iterable<string>): {
  readonly classes: readonly string[];
  readonly labels: ReadonlyMap<string, number>;
} {
  const known = new Set(words);
  known.delete('');
  const classes = [...known];
  const numbers = classes.every((word) => /^\d+$/.test(word));
  classes.sort((a, b) => (numbers ? Number(a) - Number(b) : a < b ? -1 : 1));
  return { classes, labels: new Map(classes.map((word, label) => [word, label])) };
}
