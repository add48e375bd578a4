import { fiveStepsOrError } from '../five-steps.mjs';

addEventListener('message', async ({ data }) => postMessage(await fiveStepsOrError(data)));
