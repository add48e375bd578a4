/** Elements in one expression, and the words and files that every view has. */

type Given = string | number | boolean | ((event: Event) => void);

/** @param given attributes; functions are listeners; true is an attribute without a value, false none */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  given: Readonly<Record<string, Given>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** Why something failed, with what can be done: errors of the package say both in their line. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const percent = (share: number): string => `${Math.round(100 * share)} %`;

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : more}`;

/** How long, in the words of a clock that nobody takes for exact. */
export function duration(seconds: number): string {
  if (seconds < 50) return counted(Math.max(1, Math.round(seconds)), 'second');
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return counted(minutes, 'minute');
  return counted(Math.round(minutes / 60), 'hour');
}

/** A file for the person at the page. */
export function save(name: string, content: BlobPart, type = 'application/octet-stream'): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: address, download: name }).click();
  // Some browsers read it only after the click.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
