/** Control characters, and the marks that turn the direction of text: a file may be named so that a terminal obeys it. */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** One line that can be shown: what a terminal would obey is written as JSON may write it, \u001b. Tabs stay. */
export function printable(line: string): string {
  return line.replace(UNPRINTABLE, (character) =>
    character === '\t' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
