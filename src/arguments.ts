/**
 * What callers give, checked at the door of each public function, before any work: MocoError usage in one line that names
 * the function, the option by its own name, what was given, and what to give.
 */
import { closestMatch } from 'leven';
import { MocoError } from './errors.ts';

/** A form of values. */
export interface Form {
  /** What to give, in words that follow "give ". */
  readonly give: string;
  is(value: unknown): boolean;
  /** May be left out. */
  readonly optional?: true;
  /** What is wrong within it, where that can be said more closely: 'pairs is -1: give …'. */
  wrong?(value: unknown, name: string): string | null;
}

/** The form of each option: one without a form does not compile. */
export type Forms<Options> = { readonly [Name in keyof Options]-?: Form };

/** Far beyond any use, small enough that products of two stay exact. */
const MOST = 2 ** 31 - 1;

export const whole = (least: number, most = MOST): Form => ({
  give: most === MOST ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`,
  is: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
});

/** A finite number for which `holds` is true. */
export const number = (range: string, holds: (value: number) => boolean): Form => ({
  give: `a number ${range}`,
  is: (value) => typeof value === 'number' && Number.isFinite(value) && holds(value),
});

export const aboveZero: Form = number('above 0', (value) => value > 0);

/** Not an empty one. */
export const text = (what = 'a text'): Form => ({
  give: what,
  is: (value) => typeof value === 'string' && value.length > 0 && value.length <= 2 ** 16,
});

export const yesNo: Form = { give: 'true or false', is: (value) => typeof value === 'boolean' };

export const callback: Form = { give: 'a function', is: (value) => typeof value === 'function' };

export const nothing: Form = { give: 'null', is: (value) => value === null };

/** One of some words. */
export const oneOf = (words: readonly string[]): Form => ({
  give: words.map((word) => `'${word}'`).join(', '),
  is: (value) => words.includes(value as string),
  wrong: (value, name) =>
    typeof value === 'string'
      ? `${name} is ${shown(value)}${hint(value, words)}: choose one of ${words.join(', ')}`
      : null,
});

export const listOf = (form: Form, what: string): Form => ({
  give: `an array of ${what}`,
  is: (value) => Array.isArray(value) && value.every((one) => form.is(one)),
  wrong(value, name) {
    const at = Array.isArray(value) ? value.findIndex((one) => !form.is(one)) : -1;
    return at < 0 ? null : problem(`${name}[${at}]`, (value as unknown[])[at], form);
  },
});

export const either = (...forms: readonly Form[]): Form => ({
  give: [...new Set(forms.map(({ give }) => give))].join(', or '),
  is: (value) => forms.some((form) => form.is(value)),
});

/** What its class calls itself, which is the same in another window, where its class is another. */
export const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

export const instance = (what: string, ...kinds: readonly string[]): Form => ({
  give: what,
  is: (value) => typeof value === 'object' && kinds.includes(kindOf(value)),
});

/** An object, whatever it has. */
export const record: Form = { give: 'an object', is: (value) => typeof value === 'object' && value !== null };

/** Words by name. */
export const texts: Form = {
  give: 'an object of texts',
  is: (value) =>
    kindOf(value) === 'Object' && Object.values(value as object).every((one) => typeof one === 'string'),
};

/** Something that some call has made: it has these fields, and may have others. */
export function made<Type>(what: string, fields: { readonly [Name in keyof Type]?: Form }): Form {
  const forms = Object.entries(fields) as [string, Form][];
  return {
    give: what,
    is: (value) =>
      typeof value === 'object' &&
      value !== null &&
      forms.every(([name, form]) => has(form, (value as Record<string, unknown>)[name])),
  };
}

/** An object of options: others than these are refused. */
export function options<Options>(forms: Forms<Options>): Form {
  const wrong = (value: unknown, name: string) => wrongOption(value, name, forms);
  return { give: 'an object of options', is: (value) => wrong(value, '') === null, wrong };
}

export const optional = (form: Form): Form => ({ ...form, optional: true });

const has = (form: Form, value: unknown): boolean =>
  (value === undefined && form.optional === true) || form.is(value);

/**
 * @param where the function, as callers know it: 'describeDrawn'; '' where it is not told
 * @throws MocoError usage
 */
export function expectArgument(where: string, name: string, value: unknown, form: Form): void {
  const wrong = problem(name, value, form);
  if (wrong !== null) throw new MocoError('usage', where === '' ? wrong : `${where}: ${wrong}`);
}

/** An argument that is an object of options. @throws MocoError usage, also for an option that there is not */
export function expectOptions<Options>(where: string, value: unknown, forms: Forms<Options>): void {
  expectArgument(where, '', value, options(forms));
}

const BYTES: Form = {
  give: 'the bytes of the file, as an ArrayBuffer or a Uint8Array (of a File or Blob: await file.arrayBuffer())',
  is: (value) => kindOf(value).endsWith('ArrayBuffer') || ArrayBuffer.isView(value),
};

/** A file's bytes, as an ArrayBuffer or a view on one (a Uint8Array, Node's Buffer). @throws MocoError usage for anything else */
export function bytesOf(where: string, name: string, value: unknown): Uint8Array {
  expectArgument(where, name, value, BYTES);
  if (value instanceof Uint8Array) return value;
  if (!ArrayBuffer.isView(value)) return new Uint8Array(value as ArrayBuffer);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function problem(name: string, value: unknown, form: Form): string | null {
  if (has(form, value)) return null;
  return form.wrong?.(value, name) ?? `${name || 'what is given'} is ${shown(value)}: give ${form.give}`;
}

function wrongOption<Options>(value: unknown, within: string, forms: Forms<Options>): string | null {
  if (typeof value !== 'object' || value === null || kindOf(value) !== 'Object') {
    return `${within || 'the options'} ${within ? 'is' : 'are'} ${shown(value)}: give an object`;
  }
  const known = Object.keys(forms);
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const full = shown(within ? `${within}.${name}` : name);
    return `there is no option ${full}${hint(name, known)}: the options are ${known.join(', ')}`;
  }
  for (const [name, form] of Object.entries<Form>(forms)) {
    const wrong = problem(
      within ? `${within}.${name}` : name,
      (value as Record<string, unknown>)[name],
      form,
    );
    if (wrong !== null) return wrong;
  }
  return null;
}

/** ' (did you mean 'epochs'?)' of a word that is near one of some, else nothing. */
export function hint(word: string, words: readonly string[]): string {
  const lower = new Map(words.map((known) => [known.toLowerCase(), known]));
  const maxDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  const near = closestMatch(word.slice(0, 80).toLowerCase(), [...lower.keys()], { maxDistance });
  return near === undefined ? '' : ` (did you mean '${lower.get(near)}'?)`;
}

const MOST_SHOWN = 80;

/** Any value at all, for people: in a line, of some 80 characters at most. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return `'${value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value}'`;
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value).slice(0, MOST_SHOWN);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const kind = kindOf(value);
  if (kind === 'Object') return 'a plain object';
  return `${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
