/** HTML put together from text that may hold anything. */

/** HTML as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | null | readonly Part[];

/** A template whose values are text, and escaped, unless they are markup already. Lists are joined, null is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + markup(values[i - 1] ?? null) + string));
}

function markup(part: Part): string {
  if (part === null) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(markup).join('');
  return escaped(String(part));
}

const NAMED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe between tags and in quoted attributes. What only turns the direction of text, or does not print, is shown as �. */
export function escaped(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => NAMED[character]!)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, '\ufffd')
  );
}

/** JSON inside a <script> of data, which nothing in it can end. */
export function json(data: unknown): Markup {
  return new Markup(JSON.stringify(data).replaceAll('<', '\\u003c'));
}
