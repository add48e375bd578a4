/** A kernel with one mistake in it, which the conformance suite has to find. */
export interface Mutant {
  /** Of shaders/ or wasm/. */
  readonly file: string;
  /** The mistake. */
  readonly name: string;
  /** Stands in the file once, unless `at` says which one (from 1). */
  readonly find: string;
  readonly replace: string;
  readonly at?: number;
  /** Why no result shows it where this runs: such a mutant may survive. */
  readonly equivalent?: string;
}

type Change = readonly [
  name: string,
  find: string,
  replace: string,
  more?: Pick<Mutant, 'at' | 'equivalent'>,
];

export function of(file: string, changes: readonly Change[]): Mutant[] {
  return changes.map(([name, find, replace, more]) => ({ file, name, find, replace, ...more }));
}

/** @throws Error — the text is not the one that the mutant was written for */
export function mutate(text: string, { file, name, find, replace, at }: Mutant): string {
  const parts = text.split(find);
  const count = parts.length - 1;
  if (at === undefined ? count !== 1 : at < 1 || at > count) {
    throw new Error(`${file}, ${name}: found ${count} times, wanted ${at ?? 'once'}: ${find}`);
  }
  const index = at ?? 1;
  return parts.slice(0, index).join(find) + replace + parts.slice(index).join(find);
}
