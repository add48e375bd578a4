import { trainOrError } from '../checkpointed-run.mjs';

addEventListener('message', async ({ data }) => postMessage(await trainOrError(data)));
