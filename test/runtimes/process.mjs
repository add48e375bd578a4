// Node and Deno: options as JSON in the first argument, the result as JSON on stdout.
import { fiveStepsOrError } from './five-steps.mjs';

console.log(JSON.stringify(await fiveStepsOrError(JSON.parse(process.argv[2]))));
