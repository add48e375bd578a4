/** Making what a view shows. */

type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

/**
 * An element: attributes by their names (true: without a value; false: left out), listeners by the names of their events with
 * `on` before them.
 */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/** An error as people are told it. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : more}`;

/** How long, in the words of a clock that nobody takes for exact. */
export function duration(seconds: number): string {
  if (seconds < 50) return counted(Math.max(1, Math.round(seconds)), 'second');
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return counted(minutes, 'minute');
  return counted(Math.round(minutes / 60), 'hour');
}
