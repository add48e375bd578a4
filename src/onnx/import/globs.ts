/** Names given by patterns: `*` stands for any characters, `?` for one; several are separated by commas. */
import { MocoError } from '../../errors.ts';

/** The patterns of a list such as `layer1.*,bn1.*`; a list of several is taken as it is. */
export function patternsOf(given: string | readonly string[] | undefined): readonly string[] {
  const parts = typeof given === 'string' ? given.split(',') : (given ?? []);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/**
 * The names that a pattern matches.
 * @param option what to call the list in messages: frozen, train
 * @throws MocoError usage for a pattern that matches none
 */
export function matching(
  option: string,
  given: string | readonly string[] | undefined,
  names: readonly string[],
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const pattern of patternsOf(given)) {
    const matched = names.filter((name) => name === pattern || matches(name, pattern));
    if (matched.length === 0) {
      throw new MocoError('usage', `${option}: the model has no initializer ${pattern}`);
    }
    for (const name of matched) found.add(name);
  }
  return found;
}

/** Without regular expressions, whose time a pattern could make explode: greedy, going back to the last star alone. */
export function matches(name: string, pattern: string): boolean {
  let [at, in_] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < name.length) {
    if (pattern[in_] === '*') {
      star = in_++;
      resume = at;
    } else if (in_ < pattern.length && (pattern[in_] === '?' || pattern[in_] === name[at])) {
      in_++;
      at++;
    } else if (star >= 0) {
      in_ = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[in_] === '*') in_++;
  return in_ === pattern.length;
}
