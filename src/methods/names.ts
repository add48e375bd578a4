import { MocoError } from '../errors.ts';

/** What has to be known of a method before one runs. */
interface MethodFacts {
  /** It learns from labels: an embedding is the logits of the classes, and the data has to have some. */
  readonly labels?: true;
}

/**
 * All methods, by the names that settings and checkpoints have for them. registry.ts has the methods themselves, which a page's own
 * thread never runs and so never loads; the compiler refuses one that is not in both.
 */
const FACTS = {
  moco: {},
  simclr: {},
  supervised: { labels: true },
} as const satisfies Readonly<Record<string, MethodFacts>>;

export type MethodName = keyof typeof FACTS;

export const METHOD_NAMES = Object.keys(FACTS) as readonly MethodName[];

/** Whether a method learns from labels. @throws MocoError usage where there is none of that name */
export function learnsFromLabels(name: string): boolean {
  const facts: MethodFacts = FACTS[knownMethod(name)];
  return facts.labels === true;
}

/** @throws MocoError usage where there is none of that name */
export function knownMethod(name: string): MethodName {
  if (Object.hasOwn(FACTS, name)) return name as MethodName;
  throw new MocoError('usage', `unknown method '${name}': choose one of ${METHOD_NAMES.join(', ')}`);
}
