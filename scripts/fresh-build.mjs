/**
 * Vitest's global setup. Workers and commands in tests come from dist/: it is built anew where it is older than its
 * sources, also between the runs of a watching vitest. Called for each project: the second time there is nothing to do.
 */
import { buildWhereStale } from './ready.mjs';

export default async function setup(project) {
  await buildWhereStale();
  project.onTestsRerun(buildWhereStale);
}
