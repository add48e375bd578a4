import type { DuplicatePair } from '../moco-web.ts';

/** RFC 4180; a name that a spreadsheet would take for a formula is told as text. */
export function csvField(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function pairsAsCsv(pairs: readonly DuplicatePair[], names: readonly string[]): string {
  const lines = pairs.map(({ indices: [first, second], similarity }) =>
    [csvField(names[first]!), csvField(names[second]!), similarity.toFixed(6)].join(),
  );
  return `${['first,second,similarity', ...lines].join('\r\n')}\r\n`;
}
