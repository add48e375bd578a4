/** Three numbers in a text, of red, green and blue: `0.5,0.5,0.5`; one stands for all. */
import { MocoError } from '../errors.ts';

/** @throws MocoError usage for anything else, and for a std that is not above 0 */
export function triplesOf(name: 'mean' | 'std', text: string): readonly [number, number, number] {
  const problem = whyNoTriple(name, text);
  if (problem) throw new MocoError('usage', problem);
  const values = numbersIn(text);
  const [red = 0, green = red, blue = red] = values;
  return [red, green, blue];
}

/** What is wrong with such a text; null: nothing. */
export function whyNoTriple(name: 'mean' | 'std', text: string): string | null {
  const values = numbersIn(text);
  const isRight = values.every((x) => Number.isFinite(x) && (name === 'mean' || x > 0));
  if (isRight && (values.length === 1 || values.length === 3)) return null;
  const range = name === 'std' ? 'numbers above 0' : 'numbers';
  return `${name} '${text.slice(0, 80)}' is out of range: give three ${range} between 0 and 1 as a rule, such as 0.5,0.5,0.5`;
}

function numbersIn(text: string): number[] {
  return text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
}
