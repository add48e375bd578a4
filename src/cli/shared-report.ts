/** `--out FILE.json|FILE.md`: a report to hand on. */
import { writeFile } from 'node:fs/promises';
import { MocoError, messageOf } from '../errors.ts';

export const OUT_OPTION = [
  '--out <file>',
  'a report to hand on, with machine and date: FILE.json or FILE.md',
] as const;

/** @throws MocoError usage, before what takes long */
export function expectReportFile(file: string | undefined): void {
  if (file === undefined || /\.(json|md)$/i.test(file)) return;
  throw new MocoError('usage', `--out ${file}: give a file that ends in .json or .md`);
}

/** @throws MocoError write-failed */
export async function writeReportFile(file: string, report: object, markdown: string): Promise<void> {
  const text = /\.md$/i.test(file) ? markdown : `${JSON.stringify(report, null, 2)}\n`;
  await writeFile(file, text).catch((cause: unknown) => {
    throw new MocoError('write-failed', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  });
}
