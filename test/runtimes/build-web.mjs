/** Vitest's global setup of `runtimes`: web/dist/, which several files serve at a time, is built once, before all of them. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildWhereStale } from '../../scripts/ready.mjs';

async function build() {
  await buildWhereStale();
  execFileSync(process.execPath, [fileURLToPath(new URL('../../web/build.mjs', import.meta.url))]);
}

export default async function setup(project) {
  await build();
  project.onTestsRerun(build);
}
