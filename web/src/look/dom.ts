/** Elements in one expression. */

type Given = string | number | boolean | ((event: Event) => void);

/** @param given attributes; functions are listeners; true is an attribute without a value, false none */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  given: Readonly<Record<string, Given>> = {},
  ...children: (Node | string)[]
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

/** A file for the person at the page. */
export function save(name: string, content: BlobPart, type = 'application/octet-stream'): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: address, download: name }).click();
  // Some browsers read it only after the click.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
