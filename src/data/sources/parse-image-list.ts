/** Reads lists of images: what a line means is said by its header, or settled by which files there are. */
import { MocoError } from '../../errors.ts';
import { classesOf } from '../find/label-words.ts';

export interface ListedImage {
  readonly path: string;
  /** −1 for none. */
  readonly label: number;
  readonly test: boolean;
}

export interface ParsedList {
  readonly rows: ListedImage[];
  /** By label; empty where the list has none. */
  readonly classes: readonly string[];
  readonly notes: readonly string[];
}

const PATH =
  /^(path|paths|file|filename|file_name|filepath|file_path|image|images|image_path|img|img_path)$/i;
const LABEL = /^(label|labels|class|class_name|classname|category|target|y)$/i;
const SPLIT = /^(split|set|subset|fold)$/i;
const TRAIN = /^(train|training|0)?$/i;
const MOST_ROWS = 10_000_000;

/**
 * @param name of the file: .csv and .tsv have columns, others one path a line
 * @param isThere whether there is a file of a path as the list has it
 * @throws MocoError data-invalid
 */
export async function parseImageList(
  text: string,
  name: string,
  isThere: (path: string) => Promise<boolean>,
): Promise<ParsedList> {
  const table = /\.csv$/i.test(name) ? ',' : /\.tsv$/i.test(name) ? '\t' : null;
  const parsed = table === null ? await lines(text, name, isThere) : columns(rowsOf(text, table, name), name);
  if (parsed.length === 0) throw new MocoError('data-invalid', `${name} lists no image`);
  if (parsed.length > MOST_ROWS) {
    throw new MocoError('data-invalid', `${name} lists more than ${MOST_ROWS} images: give a part of it`);
  }
  const address = parsed.find(({ path }) => /^[a-z]+:\/\//i.test(path));
  if (address)
    throw new MocoError(
      'data-invalid',
      `${name}: ${address.path.slice(0, 200)} is no file: nothing is fetched`,
    );
  const { classes, labels } = classesOf(parsed.map(({ word }) => word));
  const rows = parsed.map(({ path, word, test }) => ({ path, label: labels.get(word) ?? -1, test }));
  const without = classes.length === 0 ? 0 : rows.filter(({ label }) => label < 0).length;
  return { rows, classes, notes: without === 0 ? [] : [`${without} of the listed images have no label`] };
}

interface Row {
  readonly path: string;
  /** The name of its class; empty for none. */
  readonly word: string;
  readonly test: boolean;
}

/** A path, or a path and a whole number after it, as ImageNet's lists have: settled by whether the first is a file. */
async function lines(
  text: string,
  name: string,
  isThere: (path: string) => Promise<boolean>,
): Promise<Row[]> {
  const kept = text
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const numbered = kept.map((line) => /^(.*\S)\s+(\d+)$/.exec(line));
  const looked = Math.min(kept.length, 100);
  let labeled = numbered.length > 0 && numbered.every((match) => match !== null);
  for (let i = 0; labeled && i < looked; i++) {
    if (await isThere(kept[i]!)) labeled = false;
  }
  return kept.map((path, i) => {
    const [, before, number] = labeled ? numbered[i]! : [null, path, ''];
    if (path.includes('\0'))
      throw new MocoError('data-invalid', `${name} is no list of paths: a line has a zero in it`);
    return { path: before!, word: number!, test: false };
  });
}

/** By the names of the columns; without such names the first is the path, and the second, if there is one, the label. */
function columns(rows: readonly (readonly string[])[], name: string): Row[] {
  const [head = []] = rows;
  const find = (words: RegExp) => head.findIndex((cell) => words.test(cell.trim()));
  const named = find(PATH);
  if (named < 0 && head.length > 2) {
    throw new MocoError(
      'data-invalid',
      `${name} has ${head.length} columns and none is named 'path': name them (path, label, split) in its first line`,
    );
  }
  const at =
    named < 0 ? { path: 0, label: 1, split: -1 } : { path: named, label: find(LABEL), split: find(SPLIT) };
  return rows.slice(named < 0 ? 0 : 1).map((cells, i) => {
    const path = cells[at.path]?.trim() ?? '';
    if (path === '') throw new MocoError('data-invalid', `${name}: row ${i + 1} has no path`);
    return { path, word: cells[at.label]?.trim() ?? '', test: !TRAIN.test(cells[at.split]?.trim() ?? '') };
  });
}

/** RFC 4180: cells in double quotes may hold the separator, line breaks, and doubled quotes. */
function rowsOf(text: string, separator: string, name: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1);
      while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
      if (end < 0)
        throw new MocoError('data-invalid', `${name}: a quoted cell of row ${rows.length + 1} has no end`);
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const start = at;
      while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
      cell = text.slice(start, at);
    }
    row.push(cell);
    if (text[at] === separator) {
      at++;
      if (at < text.length) continue;
      row.push('');
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    at++;
    if (row.some((value) => value.trim() !== '')) rows.push(row);
    row = [];
  }
  return rows;
}
