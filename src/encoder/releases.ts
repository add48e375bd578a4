/** What each part of a backward pass reads last: found once, when the plan is made. */

/** What a part takes and gives, by name. */
export interface PartValues {
  readonly reads: readonly string[];
  readonly gives: readonly string[];
  /** The name under which it reads what an earlier part has passed on, or the gradient of the embedding; null: neither. */
  readonly outputGradient: string | null;
  /** Of what it gives, what a later part gets as its output gradient. */
  readonly passedOn: string | null;
}

/**
 * For each part the names of values, given by it or by one before it, that none after it reads. A name may be given again, by
 * another segment, once the value that had it has been read.
 */
export function releasesOf(parts: readonly PartValues[]): string[][] {
  // The gradient of the embedding is the caller's.
  const renamed = renamings(parts);
  const given = new Set(parts.flatMap(({ gives }) => gives));
  for (const name of renamed.keys()) if (name !== null) given.add(name);
  const releases: string[][] = [];
  /** Of the parts behind. */
  const needed = new Set<string>();
  for (const { reads, gives, outputGradient } of parts.toReversed()) {
    const source = renamed.get(outputGradient);
    const here = new Set([...gives, ...reads, ...(source === undefined ? [] : [outputGradient!])]);
    releases.push([...here].filter((name) => given.has(name) && !needed.has(name)));
    for (const name of gives) needed.delete(name);
    for (const name of reads) needed.add(name);
    if (source !== undefined) {
      needed.delete(outputGradient!);
      needed.add(source);
    }
  }
  return releases.reverse();
}

/** The names of output gradients → the names under which they were passed on. */
function renamings(parts: readonly PartValues[]): Map<string | null, string> {
  const names = new Map<string | null, string>();
  let last: string | null = null;
  for (const { outputGradient, passedOn } of parts) {
    if (outputGradient !== null && last !== null) names.set(outputGradient, last);
    last = passedOn ?? last;
  }
  return names;
}
