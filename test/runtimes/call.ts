/** Calls exports of plain programs by name: `program` is their path in the repository, what is given and returned is JSON. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type AnyPage, runDeno } from './runtimes.ts';

const ROOT = new URL('../..', import.meta.url);

/** As text: vitest rewrites the imports of its own files. */
const callText = (address: string, name: string, given: unknown[]) =>
  `import('${address}').then((program) => program.${name}(${given.map((x) => JSON.stringify(x)).join()}))`;

/** On the page's own thread. */
export const callInPage = async <Result>(
  page: AnyPage['page'],
  program: string,
  name: string,
  ...given: unknown[]
): Promise<Result> => (await page.evaluate(callText(`/${program}`, name, given))) as Result;

export async function callInNode<Result>(
  program: string,
  name: string,
  ...given: unknown[]
): Promise<Result> {
  const call = callText(new URL(program, ROOT).href, name, given);
  const text = `${call}.then((result) => console.log(JSON.stringify(result)))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', text]);
  return JSON.parse(stdout) as Result;
}

export async function callInDeno<Result>(
  program: string,
  name: string,
  ...given: unknown[]
): Promise<Result> {
  const call = callText(new URL(program, ROOT).href, name, given);
  return JSON.parse(await runDeno(['eval', `console.log(JSON.stringify(await ${call}))`])) as Result;
}
