/** The kinds of values that settings have: which values are of a kind, and how its range is said to people. */

/** Generous: far beyond any use, small enough that products of two stay exact. */
export const MAX_COUNT = 2 ** 31 - 1;
const MAX_WORD = 64;
const MAX_TEXT = 4096;
const FILE_ENDING = '.onnx';

export interface WholeKind {
  readonly type: 'whole';
  readonly least: number;
  /** MAX_COUNT where left out. */
  readonly most?: number;
}

/** A finite number: at least `least` or above `above`; at most `most`, or below `below`, or without an upper bound. */
export interface NumberKind {
  readonly type: 'number';
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
  readonly below?: number;
  /** A value to suggest. */
  readonly such?: number;
}

export interface YesNoKind {
  readonly type: 'yes-no';
}

/** One of the words that some registry knows. Which these are is handed over (`Words`): settings import no registry. */
export interface WordKind {
  readonly type: 'word';
  /** It may also name an ONNX file. */
  readonly orFile?: true;
  /** A caller may also say 'auto', which resolving replaces by a word. */
  readonly orAuto?: true;
}

export interface TextKind {
  readonly type: 'text';
}

export type Kind = (WholeKind | NumberKind | YesNoKind | WordKind | TextKind) & {
  /** null is a value, too. */
  readonly orNull?: true;
};

/** The type of a kind's values. */
export type KindValue<K> =
  | (K extends WholeKind | NumberKind
      ? number
      : K extends YesNoKind
        ? boolean
        : K extends WordKind | TextKind
          ? string
          : never)
  | (K extends { readonly orNull: true } ? null : never);

/** Whether a word names an ONNX file. */
export function isFileName(word: string): word is `${string}.onnx` {
  return word.endsWith(FILE_ENDING);
}

/** Whether a value is of a kind. Of a word only that it is one: who knows the words looks it up. */
export function isOfKind(kind: Kind, value: unknown): boolean {
  if (value === null) return kind.orNull === true;
  switch (kind.type) {
    case 'whole':
      return (
        Number.isInteger(value) &&
        (value as number) >= kind.least &&
        (value as number) <= (kind.most ?? MAX_COUNT)
      );
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) && isWithin(kind, value);
    case 'yes-no':
      return typeof value === 'boolean';
    case 'word':
      return typeof value === 'string' && value.length <= (kind.orFile ? MAX_TEXT : MAX_WORD);
    case 'text':
      return typeof value === 'string' && value.length <= MAX_TEXT;
  }
}

function isWithin({ least, above, most, below }: NumberKind, value: number): boolean {
  return (
    (least === undefined || value >= least) &&
    (above === undefined || value > above) &&
    (most === undefined || value <= most) &&
    (below === undefined || value < below)
  );
}

/** The range of a kind, as it follows "give ". */
export function rangeOf(kind: Kind): string {
  switch (kind.type) {
    case 'whole':
      return `a whole number from ${kind.least} to ${kind.most ?? MAX_COUNT}`;
    case 'number':
      return rangeOfNumber(kind);
    case 'yes-no':
      return 'true or false';
    case 'word':
      return 'a word';
    case 'text':
      return `a text of at most ${MAX_TEXT} characters`;
  }
}

function rangeOfNumber({ least, above, most, below, such }: NumberKind): string {
  const example = such === undefined ? '' : `, such as ${such}`;
  const upper = most === undefined ? below && `below ${below}` : String(most);
  if (upper)
    return `a number ${above === undefined ? `from ${least}` : `above ${above}`} to ${upper}${example}`;
  return `a finite number${above === undefined ? `, ${least} or more` : ` above ${above}`}${example}`;
}

/** The words to choose from, files and 'auto' among them where the kind allows. */
export function choicesOf(kind: WordKind, words: readonly string[], withAuto = false): string[] {
  return [
    ...(withAuto && kind.orAuto ? ['auto'] : []),
    ...words,
    ...(kind.orFile ? [`FILE${FILE_ENDING}`] : []),
  ];
}
